import { attentionBackwardCases, attentionCases } from './attention/cases.ts';
import { bufferCases } from './buffers/cases.ts';
import { clippedSumCases } from './clipped-sum/cases.ts';
import { denseCases } from './dense/cases.ts';
import { embedCases } from './embed/cases.ts';
import { geluBackwardCases, geluCases } from './gelu/cases.ts';
import { headBackwardCases, headLogitsCases } from './head/cases.ts';
import { keptCases } from './kept/cases.ts';
import { layerNormBackwardCases, layerNormCases } from './layer-norm/cases.ts';
import { linearBackwardCases, linearCases } from './linear/cases.ts';
import { addLoraCases, loraBackwardCases } from './lora/cases.ts';
import { meanPoolBackwardCases, meanPoolCases } from './mean-pool/cases.ts';
import type { OperationCase } from './operation-case.ts';

/** Every case of every operation: what the tests of each backend and the self-check run. */
export const operationCases: readonly OperationCase[] = [
  ...bufferCases,
  ...embedCases,
  ...linearCases,
  ...linearBackwardCases,
  ...layerNormCases,
  ...layerNormBackwardCases,
  ...geluCases,
  ...geluBackwardCases,
  ...attentionCases,
  ...attentionBackwardCases,
  ...addLoraCases,
  ...loraBackwardCases,
  ...meanPoolCases,
  ...meanPoolBackwardCases,
  ...headLogitsCases,
  ...headBackwardCases,
  ...clippedSumCases,
  ...keptCases,
  ...denseCases,
];
