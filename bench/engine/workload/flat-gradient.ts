import type { FloatModel } from './float-model.ts';
import type { StepWork } from './step-work.ts';

/** A trainable tensor as a peer holds it: its place in theta and its shape. */
export interface PeerParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** theta cut into its tensors, in layout order. */
export function peerParameters({ layout, theta }: StepWork): PeerParameter[] {
  return layout.entries.map(({ name, shape, offset, length }) => ({ name, shape, values: theta.slice(offset, offset + length) }));
}

/** Indices into the parameters of a layer's LoRA tensors, or null where the layer carries none; every peer reads them the same way. */
export interface LayerParameters {
  readonly queryA: number;
  readonly queryB: number;
  readonly valueA: number;
  readonly valueB: number;
}

export function layerParameters(parameters: readonly PeerParameter[], model: FloatModel): (LayerParameters | null)[] {
  const index = (name: string) => parameters.findIndex((parameter) => parameter.name === name);
  return model.layers.map((_, layer) => {
    const at = `encoder.layer.${layer}.attention.self`;
    const queryA = index(`${at}.query.lora_A.weight`);
    if (queryA < 0) return null;
    return { queryA, queryB: index(`${at}.query.lora_B.weight`), valueA: index(`${at}.value.lora_A.weight`), valueB: index(`${at}.value.lora_B.weight`) };
  });
}

/** One row a label: [B, C]. */
export function oneHot(labels: Int32Array, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => (rows[row * classes + label] = 1));
  return rows;
}
