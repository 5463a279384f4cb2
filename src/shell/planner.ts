import type { Dataset } from '../data/table.ts';
import type { PrivacyUnit } from '../privacy/events.ts';
import { isPrivate, type Plan } from '../training/plan.ts';
import { defaultEpsilon, defaultHeldOutShare, defaultMaximumLength, proposePlan } from '../training/propose.ts';
import type { Split } from '../training/split.ts';
import { statementOf } from '../training/statement.ts';
import { countUnits, lengthReport, tokenizeNotes, type LengthReport } from '../training/units.ts';
import type { CostForecast, PlanProposal } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import { EnergyMeter } from './energy-meter.ts';
import { readEnergySettings } from './energy-settings.ts';
import { areFeaturesCached, featureUseOf } from './feature-store.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import { readDataset, readProject } from './projects.ts';
import { keepLearnedSpeed, readLearnedSpeed, type SpeedPlace } from './learned-speed.ts';
import type { ProjectRecord, RunRecord } from './records.ts';
import { forecastSeconds, learnedSpeed, measureSpeed, type Speed, type Workload } from './speed.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

const defaultSeed = 1;

function lengthKey(id: string, dataset: Dataset, maximumLength: number): string {
  return `${id}/${dataset.notes.length}/${dataset.columns.map(({ role }) => role).join()}/${maximumLength}`;
}

/** Chooses plans by rule and says what they will cost, before anything is charged. */
export class Planner {
  readonly #database: BedsideDatabase;
  readonly #ledger: LedgerKeeper;
  readonly #crew: TrainingCrew;
  readonly #encoder: () => Promise<EncoderFacts>;
  readonly #lengths = new Map<string, Promise<{ readonly report: LengthReport; readonly meanTokens: number }>>();
  #speed: Promise<Speed> | null = null;

  constructor(database: BedsideDatabase, ledger: LedgerKeeper, crew: TrainingCrew, encoder: () => Promise<EncoderFacts>) {
    this.#database = database;
    this.#ledger = ledger;
    this.#crew = crew;
    this.#encoder = encoder;
  }

  async propose(id: string): Promise<PlanProposal> {
    const [project, dataset, encoder] = await Promise.all([readProject(this.#database, id), readDataset(this.#database, id), this.#encoder()]);
    const unit: PrivacyUnit = dataset.personColumn === null ? 'row' : 'person';
    const { split } = await this.#ledger.subject(project, null, dataset);
    const { delta } = await this.#ledger.budgetOf(project);
    const maximumLength = Math.min(defaultMaximumLength, encoder.shape.maximumPositions);
    const left = await this.#ledger.epsilonLeft(project);
    const facts = {
      ...countsOf(split, unit),
      classes: dataset.labels.length,
      unit,
      encoderLayers: encoder.shape.layers,
      maximumLength,
      heldOutShare: defaultHeldOutShare,
      seed: defaultSeed,
      // A budget that is all but gone still gets a plan; the forecast then says that it does not fit.
      epsilon: Math.max(0.1, Math.min(defaultEpsilon, left)),
      delta,
    };
    const { report } = await this.#lengthsOf(id, dataset, maximumLength);
    const heldOutByLabel: Record<string, number> = Object.fromEntries(dataset.labels.map((label) => [label, 0]));
    for (const { label } of split.heldOut) heldOutByLabel[label]! += 1;
    return { ...proposePlan(facts, report), heldOutByLabel };
  }

  async forecast(id: string, plan: Plan): Promise<CostForecast> {
    const { project, workload, trainingUnits, place } = await this.#workOf(id, plan);
    const [first] = await this.#crew.ready();
    const use = first ? featureUseOf(plan, workload.trainingRows + workload.heldOutRows, await this.#encoder(), first.device) : null;
    const isRead = use !== null && (await areFeaturesCached(this.#database, id, use));
    // What was learned is of runs that read their notes.
    const speed = (isRead ? null : await readLearnedSpeed(this.#database, place)) ?? (await this.#measuredSpeed());
    const seconds = forecastSeconds(plan, { ...workload, isRead }, speed);
    const statement = statementOf(plan, { unit: plan.unit, trainingUnits, classes: workload.classes });
    const drawn = new EnergyMeter(await readEnergySettings(this.#database), () => this.#crew.busyFraction).between(seconds);
    if (!isPrivate(plan) || !statement.isPrivate) return { seconds, ...drawn, epsilonRun: null, epsilonAfter: null, fitsBudget: true, statement };
    const { epsilonAfter, fitsBudget } = await this.#ledger.afterRun(project, plan);
    return { seconds, ...drawn, epsilonRun: statement.epsilon, epsilonAfter, fitsBudget, statement };
  }

  /** Takes from a finished run that has read all its notes how long such work lasts here, for the next forecast. */
  async learn({ projectId, plan, seconds }: RunRecord): Promise<void> {
    const { workload, place } = await this.#workOf(projectId, plan);
    await keepLearnedSpeed(this.#database, place, learnedSpeed(plan, workload, await this.#measuredSpeed(), seconds));
  }

  async #workOf(id: string, plan: Plan): Promise<{ readonly project: ProjectRecord; readonly workload: Workload; readonly trainingUnits: number; readonly place: SpeedPlace }> {
    const [project, dataset, encoder] = await Promise.all([readProject(this.#database, id), readDataset(this.#database, id), this.#encoder(), this.#crew.ready()]);
    const { split } = await this.#ledger.subject(project, plan, dataset);
    const { trainingUnits, trainingRows, heldOutRows } = countsOf(split, plan.unit);
    const { meanTokens } = await this.#lengthsOf(id, dataset, plan.maximumLength);
    return {
      project,
      workload: { trainingRows, heldOutRows, meanTokens, classes: dataset.labels.length, width: encoder.shape.width },
      trainingUnits,
      place: { encoderSha256: encoder.report.sha256, device: this.#crew.device, kind: plan.kind },
    };
  }

  #measuredSpeed(): Promise<Speed> {
    this.#speed ??= this.#crew.ready().then(measureSpeed).catch((error: unknown) => {
      this.#speed = null;
      throw error;
    });
    return this.#speed;
  }

  /** Tokenizes every note once for each length; what is kept is counts. */
  #lengthsOf(id: string, dataset: Dataset, maximumLength: number): Promise<{ readonly report: LengthReport; readonly meanTokens: number }> {
    const key = lengthKey(id, dataset, maximumLength);
    const known = this.#lengths.get(key);
    if (known) return known;
    const counting = (async () => {
      const { tokenizer } = await this.#encoder();
      const notes = await tokenizeNotes(dataset.notes, tokenizer, maximumLength, takeTurn);
      const tokens = notes.reduce((sum, { ids }) => sum + ids.length, 0);
      return { report: lengthReport(notes, maximumLength), meanTokens: tokens / Math.max(1, notes.length) };
    })();
    counting.catch(() => this.#lengths.delete(key));
    this.#lengths.set(key, counting);
    return counting;
  }
}

function countsOf(split: Split, unit: PrivacyUnit) {
  return {
    trainingUnits: countUnits(split.training, unit),
    trainingRows: split.training.length,
    heldOutUnits: countUnits(split.heldOut, unit),
    heldOutRows: split.heldOut.length,
  };
}
