/** The engine's calls as they are made again on other inputs, to note what memory their steps take. */
import type { Engine, EngineInput } from './engine.ts';
import type { Pass } from './step-planner.ts';

const rowsOf = ({ offsets }: EngineInput) => offsets.length - 1;
const firstLabels = (input: EngineInput) => new Int32Array(rowsOf(input));
/** Of the least clip norm in grid steps that gradients are given (`gradientGrid`): the most units fit into a sum, and it has room for the losses of each. */
const grid = { gridScale: 1, sensitivity: 2 ** 19 };

export function encodePass(layers: readonly number[]): Pass {
  return { name: `encode ${layers.join(' ')}`, again: (engine, input) => engine.encode(input, layers) };
}

export function hiddenPass(layer: number): Pass {
  return {
    name: `hidden ${layer}`,
    again: (engine: Engine, input) => ('ids' in input ? engine.hidden(input, layer) : Promise.resolve()),
  };
}

export const logitsPass: Pass = { name: 'logits', again: (engine, input) => engine.logits(input) };

export const gradientsPass: Pass = { name: 'gradients', again: (engine, input) => engine.gradients(input, firstLabels(input)) };

export const summedGradientPass: Pass = { name: 'summed gradient', again: (engine, input) => engine.summedGradient(input, firstLabels(input)) };

/** Every row a unit of its own. */
export const clippedSumPass: Pass = {
  name: 'clipped sum',
  again: (engine, input) =>
    engine.clippedSum(async function* () {
      yield { input, labels: firstLabels(input), unitOffsets: Int32Array.from({ length: rowsOf(input) + 1 }, (_, row) => row) };
    }, grid),
};
