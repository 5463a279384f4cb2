/** Families of the privacy reference that are held to privacy loss distributions, and to what is composed from them. */
import type { Charge } from '../../privacy/composition.ts';
import { composePld } from '../../privacy/pld/compose.ts';
import { reversed, type LossPair } from '../../privacy/pld/loss-pair.ts';
import { epsilonDeltaPair, laplacePair } from '../../privacy/pld/other-mechanisms.ts';
import { composeCharges, pldEpsilon, pldOf, type ComposedPld } from '../../privacy/pld/pld.ts';
import { truncatedPoissonPair } from '../../privacy/pld/truncated-poisson.ts';
import { repeatAndSelectEpsilon } from '../../privacy/private-search.ts';
import type { RepeatLaw } from '../../privacy/repeat-and-select.ts';
import type { Compare } from './compare.ts';
import { numberOf, objectOf, textOf, type Family, type JsonObject } from './format.ts';
import { chargesOf, mechanismOf, compareByDelta, phaseOf, type Phase } from './privacy-entries.ts';
import { dpAccountingOrders } from './privacy-orders.ts';
import { privacyPldRules } from './privacy-pld-rules.ts';

/** The reference's grid where it used one for all. */
const GRID = 1e-4;
/** A composition at this delta answers for the recorded ones from 1e-3 to 1e-6. */
const MIDDLE_DELTA = 1e-5;

/** Epsilon by delta of a composition of pairs in both directions. */
function epsilonOfPairs(parts: readonly { readonly pair: LossPair; readonly count: number }[]): (delta: number) => number {
  const directions = [parts, parts.map(({ pair, count }) => ({ pair: reversed(pair), count }))].map((direction) => composePld(direction, { delta: MIDDLE_DELTA }, Infinity));
  return (delta) => Math.max(...directions.map((composed) => composed?.epsilonAt(delta) ?? Infinity));
}

/** Compares what is recorded of one composition of charges, on the reference's grid: like with like. One transform answers for all deltas: each is an upper bound wherever it is asked. */
export function comparePld(entry: JsonObject, compare: Compare, phases: readonly Phase[]): void {
  // Where the reference gives no answer it says why.
  if (entry['pld'] === null && typeof entry['pld_note'] === 'string') return compare.leaveOut('pld');
  const pld = objectOf(entry, 'pld');
  const grid = numberOf(pld, 'h');
  const charges = chargesOf(phases);
  const composed = composeCharges(charges, { delta: MIDDLE_DELTA }, { grid });
  const { remove, add } = composed;
  compareByDelta(entry, 'pld.eps', compare, (delta) => Math.max(remove.epsilonAt(delta), add.epsilonAt(delta)));
  // At full batch both directions are one, and recorded once.
  const isOneDirection = phases.every(([, q]) => q === 1);
  if (!isOneDirection || 'remove' in pld) compareByDelta(entry, 'pld.remove', compare, (delta) => remove.epsilonAt(delta));
  if (!isOneDirection || 'add' in pld) compareByDelta(entry, 'pld.add', compare, (delta) => add.epsilonAt(delta));
  // The composition of one phase has deltas recorded too, that of several another accountant's estimates.
  if (phases.length === 1 || 'delta_at_eps' in pld) compareDeltas(objectOf(pld, 'delta_at_eps'), compare, composed, charges);
  if (phases.length > 1 || 'prv_ms' in entry) compareEstimates(objectOf(entry, 'prv_ms'), 'prv_ms', compare, (delta) => Math.max(remove.epsilonAt(delta), add.epsilonAt(delta)));
}

/** Below this the reference's untilted transform records its own rounding. */
const REFERENCE_ROUNDING = 1e-12;

/** Delta at the recorded epsilons; far from the middle delta, where the one transform's bound is loose, by another. */
function compareDeltas(recorded: JsonObject, compare: Compare, middle: ComposedPld, charges: readonly Charge[]): void {
  // At much noise all of them may lie below what the reference resolves.
  if (Object.values(recorded).every((expected) => Number(expected) < REFERENCE_ROUNDING) && Object.keys(recorded).length > 0) compare.leaveOut('pld.delta_at_eps');
  let large: ComposedPld | null = null;
  for (const [epsilon, expected] of Object.entries(recorded)) {
    if (typeof expected !== 'number') throw new Error(`delta at epsilon ${epsilon} is no number`);
    if (expected < REFERENCE_ROUNDING) continue;
    const at = Number(epsilon);
    const isMiddle = expected > 1e-9 && expected < 0.25 && Math.max(middle.remove.deltaAt(at), middle.add.deltaAt(at)) < 1;
    if (!isMiddle && expected > 1e-9) large ??= composeCharges(charges, { epsilon: at }, { grid: middle.grid });
    const { remove, add } = isMiddle ? middle : (expected > 1e-9 && large) || composeCharges(charges, { epsilon: at }, { grid: middle.grid });
    compare('pld.delta_at_eps', Math.max(remove.deltaAt(at), add.deltaAt(at)), expected);
  }
}

/** [lower, estimate, upper] by delta: ours against the estimate. */
function compareEstimates(values: JsonObject, field: string, compare: Compare, found: (delta: number) => number): void {
  for (const [delta, bounds] of Object.entries(values)) {
    const estimate: unknown = Array.isArray(bounds) ? bounds[1] : undefined;
    if (typeof estimate !== 'number') throw new Error(`field ${field} has no estimate at delta ${delta}`);
    compare(field, found(Number(delta)), estimate);
  }
}

function lawOf(name: string, mean: number): RepeatLaw {
  if (name === 'poisson') return { kind: 'poisson', mean };
  const shape = { geometric: 1, logarithmic: 0, 'neg_binomial_0.5': 0.5 }[name];
  if (shape === undefined) throw new Error(`the law ${name} is unknown`);
  return { kind: 'truncated-negative-binomial', shape, mean };
}

function extraPair(extra: JsonObject): LossPair {
  const parameter = numberOf(extra, 'param');
  switch (textOf(extra, 'kind')) {
    case 'laplace': return laplacePair(parameter, GRID);
    case 'gaussian': return pldOf({ kind: 'gaussian', noiseMultiplier: parameter / Math.sqrt(numberOf(extra, 'count')) }, { grid: GRID });
    case 'eps_delta': return epsilonDeltaPair(parameter, numberOf(extra, 'delta'), GRID);
    case 'discrete_laplace': return epsilonDeltaPair(parameter, 0, GRID);
    default: throw new Error('the extra mechanism is unknown');
  }
}

export const pldFamilies: readonly Family[] = [
  {
    name: 'prv_subset',
    fields: privacyPldRules.prv_subset,
    check(entry, compare) {
      const { remove, add } = composeCharges(chargesOf([phaseOf(entry)]), { delta: MIDDLE_DELTA });
      const found = (delta: number) => Math.max(remove.epsilonAt(delta), add.epsilonAt(delta));
      compareByDelta(entry, 'pld_eps', compare, found);
      compareByDelta(entry, 'opacus_prv_get_epsilon', compare, found);
      compareEstimates(objectOf(entry, 'prv_ms_low_est_up'), 'prv_ms_low_est_up', compare, found);
    },
  },
  {
    name: 'mixed_composition',
    fields: privacyPldRules.mixed_composition,
    check(entry, compare) {
      const phase = phaseOf(objectOf(entry, 'dpsgd'));
      const extra = objectOf(entry, 'extra');
      const training = { pair: pldOf(mechanismOf(phase[0], phase[1]), { grid: GRID }), count: phase[2] };
      const isOne = extra['kind'] === 'gaussian' || extra['count'] === undefined;
      const parts = [training, { pair: extraPair(extra), count: isOne ? 1 : numberOf(extra, 'count') }];
      compareByDelta(entry, 'pld_eps_dpsgd_only', compare, (delta) => pldEpsilon(chargesOf([phase]), delta).epsilon);
      compareByDelta(entry, 'pld_eps_total', compare, epsilonOfPairs(parts));
    },
  },
  {
    name: 'truncated_poisson',
    fields: privacyPldRules.truncated_poisson,
    check(entry, compare) {
      const phase: Phase = [numberOf(entry, 'sigma'), numberOf(entry, 'q'), numberOf(entry, 'steps')];
      const setting = { datasetSize: numberOf(entry, 'dataset_size'), samplingRate: phase[1], largestBatch: numberOf(entry, 'truncated_batch_size'), noiseMultiplier: phase[0] };
      const found = (adjacency: 'zero-out' | 'replace-one') => epsilonOfPairs([{ pair: truncatedPoissonPair(setting, adjacency, GRID), count: phase[2] }]);
      compareByDelta(entry, 'pld_add_remove', compare, found('zero-out'));
      compareByDelta(entry, 'pld_replace_one', compare, found('replace-one'));
      compareByDelta(entry, 'pld_untruncated_add_remove', compare, (delta) => pldEpsilon(chargesOf([phase]), delta).epsilon);
    },
  },
  {
    name: 'repeat_and_select_rdp',
    fields: privacyPldRules.repeat_and_select_rdp,
    check(entry, compare) {
      const charges = chargesOf([phaseOf(entry)]);
      const law = lawOf(textOf(entry, 'repetitions_distribution'), numberOf(entry, 'mean'));
      compareByDelta(entry, 'eps_after_selection', compare, (delta) => repeatAndSelectEpsilon(charges, delta, law, dpAccountingOrders).epsilon);
    },
  },
];
