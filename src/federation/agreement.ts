import { composedEpsilon } from '../privacy/composition.ts';
import { badTask, beyondAgreement, overBudget, unfitUpdate } from './errors.ts';
import type { RecordValue } from './codec/record-messages.ts';
import type { Task } from './task.ts';

/** What a person agreed to by joining. Nothing that a server sends afterwards widens it. */
export interface Agreement {
  readonly task: Task;
  readonly taskHash: string;
  /** The most that all rounds together may come to, at the task's delta. */
  readonly epsilonLimit: number;
}

/** A setting that the server pushed past what was agreed; the agreed value was used. */
export interface Clamp {
  readonly term: string;
  readonly agreed: number;
  readonly asked: number;
}

/** What one round is trained with: the agreed terms, or what the server asked for where that is stricter. */
export interface RoundTerms {
  readonly round: number;
  readonly clipNorm: number;
  readonly noiseMultiplier: number;
  readonly updateNormBound: number;
  readonly clamps: readonly Clamp[];
}

/** Epsilon of releases with these noise multipliers, one Gaussian mechanism each, at the task's delta. Units are those of the task, zero-out adjacency. */
export function sharedEpsilon(task: Task, noiseMultipliers: readonly number[]): number {
  return composedEpsilon(noiseMultipliers.map((noiseMultiplier) => ({ mechanism: { kind: 'gaussian', noiseMultiplier }, count: 1 })), task.delta).epsilon;
}

/** The numbers that a person sees before joining: computed, never taken from the task file. */
export function agreementFigures(task: Task): { readonly epsilonPerRound: number; readonly epsilonTotal: number; /** Of all rounds, as one Gaussian. */ readonly mu: number | null } {
  const { epsilon, mu } = composedEpsilon([{ mechanism: { kind: 'gaussian', noiseMultiplier: task.noiseMultiplier }, count: task.rounds }], task.delta);
  return { epsilonPerRound: sharedEpsilon(task, [task.noiseMultiplier]), epsilonTotal: epsilon, mu };
}

/** Refuses a limit that means nothing. A limit below the task's total is allowed: the node then ends early. */
export function agreeTo(task: Task, taskHash: string, epsilonLimit: number): Agreement {
  const { epsilonPerRound } = agreementFigures(task);
  if (!(Number.isFinite(epsilonLimit) && epsilonLimit > 0)) throw badTask('epsilon limit', 'a finite number above 0', String(epsilonLimit));
  if (epsilonPerRound > epsilonLimit) throw overBudget(epsilonPerRound, epsilonLimit);
  return { task, taskHash, epsilonLimit };
}

/**
 * Holds the settings of one instruction to the agreement. Stricter values count (a lower clip, more noise, a lower bound); looser ones are
 * replaced by the agreed ones and listed; another task, another base model, a round beyond the last and values that mean nothing are refused.
 * @throws `federation/beyond-agreement`.
 */
export function roundTerms({ task, taskHash }: Agreement, config: ReadonlyMap<string, RecordValue>): RoundTerms {
  const askedTask = config.get('task')?.text;
  if (askedTask !== taskHash) throw beyondAgreement('task', taskHash.slice(0, 12), (askedTask ?? 'none').slice(0, 12));
  const askedModel = config.get('base-model');
  if (askedModel !== undefined && askedModel.text !== task.baseModel) throw beyondAgreement('base model', task.baseModel.slice(0, 12), (askedModel.text ?? 'none').slice(0, 12));
  const round = numberOf(config.get('server-round'));
  if (round === null || !Number.isInteger(round) || round < 1 || round > task.rounds) throw beyondAgreement('round', task.rounds, String(round));

  const clamps: Clamp[] = [];
  /** The stricter of agreed and asked, where `isLooser` says which way is looser. */
  const held = (key: string, term: string, agreed: number, isLooser: (asked: number) => boolean): number => {
    const value = config.get(key);
    if (value === undefined) return agreed;
    const asked = numberOf(value);
    if (asked === null || !(Number.isFinite(asked) && asked > 0)) throw beyondAgreement(term, agreed, String(asked));
    if (!isLooser(asked)) return asked;
    clamps.push({ term, agreed, asked });
    return agreed;
  };
  const clipNorm = held('clip-norm', 'clip norm', task.clipNorm, (asked) => asked > task.clipNorm);
  const noiseMultiplier = held('noise-multiplier', 'noise multiplier', task.noiseMultiplier, (asked) => asked < task.noiseMultiplier);
  const updateNormBound = held('norm-bound', 'norm bound', task.updateNormBound, (asked) => asked > task.updateNormBound);
  held('rounds', 'rounds', task.rounds, (asked) => asked > task.rounds);
  return { round, clipNorm, noiseMultiplier, updateNormBound, clamps };
}

/** @throws `federation/over-budget` where one more round of this noise would pass the limit or the agreed number of rounds. */
export function checkBudget({ task, epsilonLimit }: Agreement, spentNoiseMultipliers: readonly number[], next: number): void {
  const epsilon = sharedEpsilon(task, [...spentNoiseMultipliers, next]);
  if (epsilon > epsilonLimit) throw overBudget(epsilon, epsilonLimit);
  if (spentNoiseMultipliers.length >= task.rounds) throw beyondAgreement('rounds', task.rounds, spentNoiseMultipliers.length + 1);
}

/**
 * The update as it is sent: scaled to the norm bound where it is longer, in float32. Post-processing of a noised update: costs no privacy.
 * @throws `federation/unfit-update` on another length or a value that is not finite.
 */
export function fitUpdate(update: ArrayLike<number>, coordinates: number, normBound: number): Float32Array {
  if (update.length !== coordinates) throw unfitUpdate(`${coordinates} numbers`, `${update.length}`);
  let largest = 0;
  for (let i = 0; i < coordinates; i++) {
    const size = Math.abs(update[i]!);
    if (!Number.isFinite(size)) throw unfitUpdate('finite numbers', String(update[i]));
    if (size > largest) largest = size;
  }
  // Divided by the largest first: a square may overflow where the number does not.
  let squared = 0;
  for (let i = 0; i < coordinates; i++) squared += largest > 0 ? (update[i]! / largest) ** 2 : 0;
  const norm = largest * Math.sqrt(squared);
  // Rounding to float32 lengthens by at most one part in 2^24; the server compares in float64.
  const factor = norm > normBound * (1 - 2 ** -20) ? (normBound / norm) * (1 - 2 ** -20) : 1;
  const fitted = new Float32Array(coordinates);
  for (let i = 0; i < coordinates; i++) fitted[i] = update[i]! * factor;
  return fitted;
}

function numberOf(value: RecordValue | undefined): number | null {
  if (value?.double !== undefined) return value.double;
  const whole = value?.signed ?? value?.unsigned;
  return whole === undefined ? null : Number(whole);
}
