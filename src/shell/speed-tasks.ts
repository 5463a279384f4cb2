/** What a trainer does to show how fast it is: the parts of runs that take the time, on made-up notes. */
import type { Engine } from '../engine/engine.ts';
import { parameterLayout, type AdapterConfig } from '../engine/parameters.ts';
import { mulberry32 } from '../ground/random.ts';
import { createTrainer, type TrainerOptions } from '../training/in-process-trainer.ts';
import type { TokenizedUnit, Trainer } from '../training/trainer.ts';
import { countGpuCalls } from './gpu-counts.ts';

/** `read`: features of the last layer; `head`: one full-batch step of a private head on features that lie ready; `adapters`: one private step of adapters. */
export type SpeedTask = 'read' | 'head' | 'adapters';

export interface SpeedPass {
  readonly elapsedMs: number;
  readonly notes: number;
  /** Word pieces of each of them. */
  readonly tokens: number;
  readonly memoryBytes: number;
  /** Compute launches; null on a processor. */
  readonly launches: number | null;
}

/** As long as a note of two or three sentences, where the model reads as far. */
const noteTokens = 128;
const notesRead = 16;
const notesAStep = 8;
/** A head takes as long for short notes as for long ones, and they are sooner read. */
const headNotes = 512;
const headTokens = 4;
const classes = 8;
const clipNorm = 1;
const biasInput = 0.5;
const rank = 8;

/** Ids all over the vocabulary: nobody's words. */
function madeUpUnits(count: number, length: number, vocabularySize: number): TokenizedUnit[] {
  const random = mulberry32(count);
  return Array.from({ length: count }, (_, unit) => ({ unit, rows: [{ ids: Int32Array.from({ length }, () => Math.floor(random() * vocabularySize)), label: unit % classes }] }));
}

/** Every task trains as a run does, by a trainer of its own over the one engine. Nothing is kept, and no caches are read. */
export function createSpeedTasks(engine: Engine, memoryBytes: () => number, options: TrainerOptions): (task: SpeedTask) => Promise<SpeedPass> {
  const { shape } = engine;
  const tokens = Math.min(noteTokens, shape.maximumPositions);
  const counts = engine.backend === 'webgpu' ? countGpuCalls() : null;
  const adapter: AdapterConfig = { classes, lora: { rank, alpha: 2 * rank, targets: ['query', 'value'], layers: Array.from({ length: shape.layers }, (_, layer) => layer) } };

  const reading = async () => {
    const trainer = createTrainer(engine, options);
    const rows = madeUpUnits(notesRead, tokens, shape.vocabularySize).map(({ rows: [row] }) => row!.ids);
    return { notes: notesRead, work: () => trainer.encode(rows, { layers: [shape.layers], weights: [1], isUnitLength: true }) };
  };

  const head = async () => {
    const trainer = createTrainer(engine, options);
    await trainer.assign(madeUpUnits(headNotes, Math.min(headTokens, tokens), shape.vocabularySize), 'row');
    await trainer.prepareFeatures({ layers: [Math.ceil(shape.layers / 2), shape.layers], weights: [0.5, 0.5], isUnitLength: true }, () => undefined);
    await trainer.centreFeatures(new Float32Array(2 * shape.width));
    const weights = new Float32Array(classes * (2 * shape.width + 1));
    return { notes: headNotes, work: () => trainer.headGradientSum(weights, classes, clipNorm, biasInput) };
  };

  const adapters = async () => {
    const trainer: Trainer = createTrainer(engine, options);
    await trainer.configure(adapter);
    const units = madeUpUnits(notesAStep, tokens, shape.vocabularySize);
    await trainer.assign(units, 'row');
    // Both maps of an adapter differ from zero, so that every gradient does.
    const random = mulberry32(1);
    const bound = 1 / Math.sqrt(shape.width);
    const theta = Float32Array.from({ length: parameterLayout(shape, adapter).length }, () => (2 * random() - 1) * bound);
    const chosen = units.map(({ unit }) => unit);
    return { notes: notesAStep, work: () => trainer.loraGradientSum(theta, chosen, clipNorm) };
  };

  const prepare = { read: reading, head, adapters };
  const ready = new Map<SpeedTask, Promise<{ readonly notes: number; readonly work: () => Promise<unknown> }>>();
  return async (task) => {
    let preparing = ready.get(task);
    if (!preparing) ready.set(task, (preparing = prepare[task]()));
    const { notes, work } = await preparing;
    const launchesBefore = counts?.().launches ?? 0;
    const startedAtMs = performance.now();
    await work();
    const elapsedMs = performance.now() - startedAtMs;
    return { elapsedMs, notes, tokens, memoryBytes: memoryBytes(), launches: counts ? counts().launches - launchesBefore : null };
  };
}
