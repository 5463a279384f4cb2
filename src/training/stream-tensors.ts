/** Tensor numbers of a session's noise; 0 is the sampling's. No two draws share (step, tensor). */
export const streamTensors = { featureMean: 1, gradient: 2, validation: 3, labelCounts: 4, searchPlan: 5, searchScore: 6 } as const;
