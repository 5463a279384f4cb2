/** Tensor numbers of a session's key stream: no two draws share (step, tensor). */
export const streamTensors = { sampling: 0, featureMean: 1, gradient: 2, validation: 3 } as const;
