/** A small audit for tests: made-up features in place of an encoder, everything after them as it is. */
import { mulberry32 } from '../../../ground/random.ts';
import { normalQuantile } from '../../../ground/special.ts';
import { nanoShape } from '../../../engine/model/nano.ts';
import type { KeyStream } from '../../../privacy/key-stream.ts';
import type { FullBatchHeadPlan, PlainHeadPlan } from '../../plan.ts';
import { planOfKind, type PlanFacts } from '../../propose.ts';
import type { TokenizedUnit } from '../../trainer.ts';
import { auditTraining, type AuditTraining, type AuditWorld, type WrapTrainer } from '../audit-training.ts';
import { canariesARun, designCanaries } from '../canaries.ts';
import { canaryGround, canaryResult, scoreCanaries, tossCoins, type CanaryScores } from '../canary-audit.ts';
import type { CanaryResult } from '../audit-report.ts';
import { joinTables, tableRow, type PooledTable } from '../pooled-table.ts';

export const sceneClasses = 4;
const width = 48;
const layers = [2];

/** Bits that a test can repeat, quickly; sound enough for noise that nothing depends on. */
export function quickStream(seed: number): KeyStream {
  return {
    bytes(step, tensor, byteCount) {
      const random = mulberry32((Math.imul(seed, 0x9e3779b1) ^ Math.imul(step, 0x85ebca6b) ^ Math.imul(tensor + 1, 0xc2b2ae35)) >>> 0);
      const words = Uint32Array.from({ length: Math.ceil(byteCount / 4) }, () => random() * 2 ** 32);
      return Promise.resolve(new Uint8Array(words.buffer, 0, byteCount));
    },
  };
}

export function normals(random: () => number): () => number {
  return () => normalQuantile((Math.floor(random() * 2 ** 32) + 0.5) / 2 ** 32);
}

export interface AuditScene {
  readonly table: PooledTable;
  readonly labels: readonly string[];
  readonly units: readonly TokenizedUnit[];
  readonly canaries: readonly TokenizedUnit[];
  readonly plan: FullBatchHeadPlan;
  readonly twin: PlainHeadPlan;
  readonly train: AuditTraining;
  readonly random: () => number;
}

export interface SceneChanges {
  readonly units?: number;
  readonly wrap?: WrapTrainer;
  readonly keys?: (training: number) => KeyStream;
}

/** Notes lie around the middle of their label in the first third of the width; label sentences are the middles. */
export function auditScene(seed: number, { units: count = 24, wrap, keys = (training) => quickStream(1000 * seed + training) }: SceneChanges = {}): AuditScene {
  const random = mulberry32(seed);
  const normal = normals(random);
  const middles = Array.from({ length: sceneClasses * layers.length }, () => Float64Array.from({ length: width }, (_, i) => (i < width / 3 ? normal() : 0)));
  const rowsOf = (labels: readonly number[], spread: number): PooledTable => ({
    shape: { ...nanoShape, width },
    layers,
    values: Float32Array.from(labels.flatMap((label) => layers.flatMap((_, place) => Array.from(middles[label * layers.length + place]!, (value, i) => value + spread * (i < width / 3 ? 1 : 0.1) * normal())))),
  });
  const noteLabels = Array.from({ length: count }, (_, unit) => unit % sceneClasses);
  const notes = rowsOf(noteLabels, 1);
  const sentences = rowsOf(Array.from({ length: sceneClasses }, (_, label) => label), 0.3);
  const planted = designCanaries(notes, sentences, sceneClasses, canariesARun(width), random);
  let next = 0;
  const unitsOf = (labels: readonly number[]) => labels.map((label, unit) => ({ unit, rows: [{ label, ids: tableRow(next++) }] }));
  const units = unitsOf(noteLabels);
  const sentenceRows = Array.from({ length: sceneClasses }, () => tableRow(next++));
  const canaries = unitsOf(planted.labels);
  const facts: PlanFacts = { trainingUnits: count, trainingRows: count, heldOutUnits: 0, heldOutRows: 0, classes: sceneClasses, unit: 'row', encoderLayers: 2, maximumLength: 16, heldOutShare: 0, seed: 1, epsilon: 3, delta: 1e-5 };
  let trainings = 0;
  const world: AuditWorld = { createKeys: () => keys(trainings++), yields: () => Promise.resolve(), clock: () => 0 };
  const labels = Array.from({ length: sceneClasses }, (_, label) => `label ${label}`);
  return {
    table: notes, labels, units, canaries, random,
    plan: { ...planOfKind('full-batch-head', facts), steps: 12, featureLayers: layers, validationEpsilon: null },
    twin: { ...planOfKind('plain-head', facts), epochs: 30, batchSize: 16 },
    train: auditTraining(joinTables(notes, sentences, planted.table), labels, sentenceRows, world, wrap),
  };
}

/** Trainings of one audit in tests: 360 canaries. */
export const sceneRuns = 6;

/** One whole canary audit. `plan` is what is claimed, `train` what is done. */
export async function auditCanaries({ units, canaries, random }: AuditScene, plan: FullBatchHeadPlan | PlainHeadPlan, train: AuditTraining, trainings = sceneRuns): Promise<CanaryResult & { readonly runs: readonly CanaryScores[] }> {
  const ground = await canaryGround({ train, plan, units, canaries, classes: sceneClasses });
  const runs: CanaryScores[] = [];
  for (let run = 0; run < trainings; run++) runs.push(await scoreCanaries(ground, tossCoins(canaries.length, random)));
  return { ...canaryResult(runs, 1e-5, plan.kind === 'full-batch-head'), runs };
}
