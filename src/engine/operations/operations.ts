import type { BackendName } from '../engine.ts';
import type { AttentionOperations } from './attention/contract.ts';
import type { BufferOperations } from './buffers/contract.ts';
import type { ClippedSumOperation } from './clipped-sum/contract.ts';
import type { DenseOperations } from './dense/contract.ts';
import type { EmbedOperation } from './embed/contract.ts';
import type { GeluOperations } from './gelu/contract.ts';
import type { HeadOperations } from './head/contract.ts';
import type { KeptOperation } from './kept/contract.ts';
import type { LayerNormOperations } from './layer-norm/contract.ts';
import type { LinearOperations } from './linear/contract.ts';
import type { LoraOperations } from './lora/contract.ts';
import type { MeanPoolOperations } from './mean-pool/contract.ts';

/**
 * The fused operations that every backend implements. Each has a folder here: its contract, the reference that defines
 * it, its WGSL, its AssemblyScript and the cases that hold them to each other.
 * `Buffer` is the backend's handle to float32 values on its device. BERT is written once above them, in `../bert.ts`.
 *
 * Shapes: T tokens, B rows, D width, F feed-forward width, K and N columns into and out of a map, R adapter rank, C classes, P parameters. All row-major.
 * Buffers live until `release`; operations return new buffers unless said otherwise.
 */
export interface Operations<Buffer>
  extends BufferOperations<Buffer>, EmbedOperation<Buffer>, LinearOperations<Buffer>, LayerNormOperations<Buffer>, GeluOperations<Buffer>,
    AttentionOperations<Buffer>, LoraOperations<Buffer>, MeanPoolOperations<Buffer>, HeadOperations<Buffer>, ClippedSumOperation<Buffer>, KeptOperation<Buffer> {
  readonly backend: BackendName;
  readonly device: string;
  /** On weights that train as they are, in theta. */
  readonly dense: DenseOperations<Buffer>;
  dispose(): void;
}
