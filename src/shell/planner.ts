import type { Dataset } from '../data/table.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import type { AuditedPlans } from '../training/audit/audited-plans.ts';
import { validationMechanism } from '../training/charged-validation.ts';
import { isPrivate, noiseLawOf, type Plan, type PrivatePlan } from '../training/plan.ts';
import { defaultEpsilon, defaultHeldOutShare, defaultMaximumLength, leastEpsilon, proposePlan } from '../training/propose.ts';
import { statementOf } from '../training/statement.ts';
import { countTokens, lengthsUnder, type TokenLengths } from '../training/units.ts';
import type { AuditForecast, CostForecast, MemoryForecast, PlanProposal, Progress, RunPrices, RunResults } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import { EnergyMeter } from './energy-meter.ts';
import { readEnergySettings } from './energy-settings.ts';
import { areFeaturesCached, featureUseOf } from './feature-store.ts';
import type { LedgerKeeper, LedgerSubject } from './ledger-keeper.ts';
import { lateScoreEpsilon, mayBeScored } from './late-score-offer.ts';
import { availableBytes, deviceGigabytes } from './device-memory.ts';
import { memoryForecast, planTooLarge, type MemoryLoad } from './memory.ts';
import { changeProject, readDataset, readProject } from './projects.ts';
import { keepLearnedSpeed, readLearnedSpeed, type SpeedPlace } from './learned-speed.ts';
import type { ProjectRecord, RunRecord } from './records.ts';
import { isDealtAs } from './runs.ts';
import { shownLabels } from './project-summary.ts';
import { runPrice } from './run-price.ts';
import { SharedWork, type Follower } from './shared-work.ts';
import { forecastSeconds, learnedSpeed, measureSpeed, wholeParameters, type Speed, type Workload } from './speed.ts';
import { chargesBefore } from './train-on.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

const defaultSeed = 1;

/** Of a plan that charges nothing. */
const free = { epsilonRun: null, epsilonAfter: null, epsilonTrainingAfter: null, epsilonHeldOutAfter: null, allowanceAfter: null, fitsBudget: true } as const;

/** What the lengths of notes follow from: encoder, columns and rows. */
function lengthsName(dataset: Dataset, { report }: EncoderFacts): string {
  return JSON.stringify([report.sha256, dataset.notes.length, dataset.columns.map(({ name, role }) => [name, role])]);
}

/** Who waits for a proposal: hears how many notes have been read, and may give up. */
export interface ProposalFollower {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** Two readings of the same notes, hashing and counting, as one progress. */
function followBoth({ onProgress, signal }: ProposalFollower, total: number): { readonly hashing: Follower; readonly counting: Follower } {
  const done = { hashing: 0, counting: 0 };
  const follow = (part: keyof typeof done): Follower => ({
    signal,
    onProgress: (notes) => {
      done[part] = notes;
      onProgress({ done: Math.floor((done.hashing + done.counting) / 2), total });
    },
  });
  return { hashing: follow('hashing'), counting: follow('counting') };
}

/** Chooses plans by rule and says what they will cost, before anything is charged. */
export class Planner {
  readonly #database: BedsideDatabase;
  readonly #ledger: LedgerKeeper;
  readonly #crew: TrainingCrew;
  readonly #encoder: () => Promise<EncoderFacts>;
  #lengths: { readonly id: string; readonly of: string; readonly counting: SharedWork<TokenLengths> } | null = null;
  #speed: { readonly pace: string; readonly measuring: Promise<Speed> } | null = null;

  constructor(database: BedsideDatabase, ledger: LedgerKeeper, crew: TrainingCrew, encoder: () => Promise<EncoderFacts>) {
    this.#database = database;
    this.#ledger = ledger;
    this.#crew = crew;
    this.#encoder = encoder;
  }

  async propose(id: string, follower?: ProposalFollower): Promise<PlanProposal> {
    const [project, dataset, encoder] = await Promise.all([readProject(this.#database, id), readDataset(this.#database, id), this.#encoder()]);
    const unit: PrivacyUnit = dataset.personColumn === null ? 'row' : 'person';
    const followers = follower && followBoth(follower, dataset.notes.length);
    const subject = await this.#ledger.subject(project, null, dataset, null, followers?.hashing);
    followers?.hashing.onProgress(dataset.notes.length);
    const lengths = await this.#lengthsOf(id, dataset, followers?.counting);
    const { delta } = await this.#ledger.budgetOf(project);
    const maximumLength = Math.min(defaultMaximumLength, encoder.shape.maximumPositions);
    const left = await this.#ledger.epsilonLeft(project, { atMost: defaultEpsilon, within: 0.01 });
    const facts = {
      ...countsOf(subject),
      classes: dataset.labels.length,
      unit,
      encoderLayers: encoder.shape.layers,
      maximumLength,
      heldOutShare: defaultHeldOutShare,
      seed: defaultSeed,
      // Rounded down: more noise, never more than is left. A budget that is all but gone still gets a plan; the forecast then says that it does not fit.
      epsilon: Math.max(leastEpsilon, Math.floor(Math.min(defaultEpsilon, left) * 100) / 100),
      delta,
    };
    const { report } = lengthsUnder(lengths, maximumLength);
    const heldOutByLabel: Record<string, number> = Object.fromEntries(dataset.labels.map((label) => [label, 0]));
    for (const { label } of subject.split.heldOut) heldOutByLabel[label]! += 1;
    // Of more labels than the page shows, it gets no counts: they would freeze it.
    return { ...proposePlan(facts, report), ...(dataset.labels.length <= shownLabels ? { heldOutByLabel } : {}) };
  }

  async forecast(id: string, plan: Plan): Promise<CostForecast> {
    const { project, workload, trainingUnits, place, memory } = await this.#workOf(id, plan);
    const [first] = await this.#crew.ready();
    const use = first ? featureUseOf(plan, workload.trainingRows + workload.heldOutRows, await this.#encoder(), first.device) : null;
    const isRead = use !== null && (await areFeaturesCached(this.#database, id, use));
    // What was learned is of runs that read their notes.
    const speed = (isRead ? null : await readLearnedSpeed(this.#database, place)) ?? (await this.#measuredSpeed());
    const seconds = forecastSeconds(plan, { ...workload, isRead }, speed);
    const after = isPrivate(plan) ? await this.#ledger.afterRun(project, plan) : null;
    // A score that the run will leave out is no part of what it promises.
    const statement = statementOf(isPrivate(plan) && !after?.scoreFits ? { ...plan, validationEpsilon: null } : plan, { unit: plan.unit, trainingUnits, classes: workload.classes }, await chargesBefore(this.#database, this.#ledger, plan));
    const drawn = new EnergyMeter(await readEnergySettings(this.#database), () => this.#crew.busyFraction).between(seconds);
    if (!after || !statement.isPrivate) return { seconds, ...drawn, ...free, memory, statement };
    return { seconds, ...drawn, epsilonRun: statement.continues?.epsilonAlone ?? statement.epsilon, ...after, memory, statement };
  }

  /** How long the attack lab would take over these plans. */
  async forecastAudit(id: string, plans: AuditedPlans): Promise<AuditForecast> {
    const [{ workload, trainingUnits, place }, { shape }] = await Promise.all([this.#workOf(id, plans.plan), this.#encoder()]);
    const { auditForecast } = await import('./audit-forecast.ts');
    return auditForecast(plans, trainingUnits, workload, shape, (await readLearnedSpeed(this.#database, place)) ?? (await this.#measuredSpeed()));
  }

  /** What another run of a finished run's plan would cost, and a score that may leave, where it has none and the notes that it held out are held out still. */
  async prices(project: ProjectRecord, run: RunRecord, plan: PrivatePlan, results: RunResults): Promise<RunPrices> {
    const before = await this.#ledger.budgetOf(project);
    const again = await this.#ledger.afterRun(project, plan);
    const { epsilonLimit } = before;
    const prices: RunPrices = { again: runPrice(before, again), score: null };
    if (!mayBeScored(results, run)) return prices;
    const subject = await this.#ledger.subject(project, plan);
    if (!subject.isDisjoint || !isDealtAs(run, subject.splitId)) return prices;
    const mechanism = validationMechanism({ epsilon: lateScoreEpsilon, delta: plan.delta, noiseLaw: noiseLawOf(plan) });
    const after = await this.#ledger.afterCharges(subject, plan.delta, { 'held-out': [{ mechanism, count: 1 }] });
    return { ...prices, score: { epsilon: lateScoreEpsilon, epsilonBefore: before.epsilonHeldOut, epsilonAfter: after.epsilonHeldOut, epsilonLimit, fits: after.fits } };
  }

  /** Refuses a plan that would not fit into memory. */
  async checkMemory(id: string, plan: Plan): Promise<void> {
    const { memory } = await this.#workOf(id, plan);
    if (!memory.fits) throw planTooLarge(memory);
  }

  /** Takes from a finished run that has read all its notes how long such work lasts here, for the next forecast. */
  async learn({ projectId, plan, seconds }: RunRecord): Promise<void> {
    const { workload, place } = await this.#workOf(projectId, plan);
    const known = (await readLearnedSpeed(this.#database, place)) ?? (await this.#measuredSpeed());
    await keepLearnedSpeed(this.#database, place, learnedSpeed(plan, workload, known, seconds));
  }

  async #workOf(id: string, plan: Plan): Promise<{ readonly project: ProjectRecord; readonly workload: Workload; readonly trainingUnits: number; readonly place: SpeedPlace; readonly memory: MemoryForecast }> {
    const [project, dataset, encoder, trainers] = await Promise.all([readProject(this.#database, id), readDataset(this.#database, id), this.#encoder(), this.#crew.ready()]);
    const subject = await this.#ledger.subject(project, plan, dataset);
    const { trainingUnits, trainingRows, heldOutRows } = countsOf(subject);
    const [{ maximumRowsPerPerson, maximumRowsPerText = 1 }] = subject.cohorts;
    const { meanTokens } = lengthsUnder(await this.#lengthsOf(id, dataset), plan.maximumLength);
    const counts = { trainingRows, heldOutRows, meanTokens, classes: dataset.labels.length };
    // With the first plan that is weighed: no first page needs the engine.
    const { engineBytes } = await import('./engine-bytes.ts');
    const load: MemoryLoad = { ...counts, largestUnitRows: Math.max(maximumRowsPerText, plan.unit === 'person' ? (maximumRowsPerPerson ?? 1) : 1), shape: encoder.shape, encoderBytes: encoder.report.sizeBytes, engineBytes: await engineBytes(plan, { shape: encoder.shape, classes: counts.classes }, this.#crew.checked?.backend === 'webgpu' ? 'webgpu' : 'wasm'), trainers: trainers.length };
    return {
      project,
      workload: { ...counts, width: encoder.shape.width, layers: encoder.shape.layers, wholeParameters: wholeParameters(plan, encoder.shape, counts.classes) },
      memory: memoryForecast(plan, load, availableBytes(deviceGigabytes(navigator))),
      trainingUnits,
      place: { encoderSha256: encoder.report.sha256, device: this.#crew.pace, kind: plan.kind },
    };
  }

  /** Lets go of a project's notes, which the counting holds. */
  forget(id: string): void {
    if (this.#lengths?.id === id) this.#lengths = null;
  }

  /** Of the trainers at the pace that they have now: measured once for each. */
  async #measuredSpeed(): Promise<Speed> {
    const trainers = await this.#crew.ready();
    const { pace } = this.#crew;
    if (this.#speed?.pace !== pace) this.#speed = { pace, measuring: measureSpeed(trainers) };
    const { measuring } = this.#speed;
    try {
      return await measuring;
    } catch (error) {
      if (this.#speed?.measuring === measuring) this.#speed = null;
      throw error;
    }
  }

  /** Counts the tokens of every note once, whatever maximum length is asked about; the counts are kept with the project. */
  #lengthsOf(id: string, dataset: Dataset, follower?: Follower): Promise<TokenLengths> {
    return this.#encoder().then((encoder) => {
      const of = lengthsName(dataset, encoder);
      if (this.#lengths?.id !== id || this.#lengths.of !== of) this.#lengths = { id, of, counting: new SharedWork((report) => this.#storedLengths(id, of, dataset, encoder, report)) };
      return this.#lengths.counting.result(follower);
    });
  }

  async #storedLengths(id: string, of: string, dataset: Dataset, { tokenizer }: EncoderFacts, report: (done: number) => void): Promise<TokenLengths> {
    const { lengths } = await readProject(this.#database, id);
    if (lengths?.of === of) return lengths.counts;
    const counts = await countTokens(dataset.notes, tokenizer, async (done) => {
      report(done);
      await takeTurn();
    });
    // Kept to save time: a full disk is no reason to go without a plan.
    await changeProject(this.#database, id, (record) => ({ ...record, lengths: { of, counts } })).catch(() => undefined);
    return counts;
  }
}

function countsOf({ split, units, trainingUnits }: LedgerSubject) {
  return {
    trainingUnits,
    trainingRows: split.training.length,
    heldOutUnits: units - trainingUnits,
    heldOutRows: split.heldOut.length,
  };
}
