import { expect, it } from 'vitest';
import { progressLines } from './train-progress.ts';

/** What is said of a run of 12 slow steps. */
function linesOf(kind: 'dp-sgd' | 'full-batch-head'): readonly string[] {
  const lines: string[] = [];
  let nowMs = 0;
  const tell = progressLines({ kind }, (line) => lines.push(line), () => nowMs);
  for (let step = 1; step <= 12; step++) {
    nowMs += 6000;
    tell({ phase: 'training', phaseProgress: { done: step, total: 12 }, step, steps: 12, heldOut: null });
  }
  return lines;
}

it('tells every slow step of a run over all notes, and of secret draws ten at a time and the end', () => {
  expect(linesOf('full-batch-head')).toHaveLength(12);
  expect(linesOf('dp-sgd')).toEqual(['step 10 of 12', 'step 12 of 12']);
});
