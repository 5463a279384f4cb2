/** One run from its record to its results, inside the guard. */
import { BedsideError, errorToPlain } from '../ground/errors.ts';
import type { Dataset } from '../data/table.ts';
import { oncePerTensor } from '../privacy/key-stream.ts';
import type { Checkpoint } from '../training/checkpoint.ts';
import { isPrivate } from '../training/plan.ts';
import { isStoppedEarly, SessionControl, stoppedEarly } from '../training/session-control.ts';
import type { ChargePort, SessionOutcome } from '../training/session-input.ts';
import { runSession } from '../training/session.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { Split } from '../training/split.ts';
import { awakeClockHere } from './awake-clock.ts';
import type { Progress } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import { otherEncoder } from './model-errors.ts';
import type { FeatureGrant } from './feature-cache.ts';
import { featureUseOf, grantFeatures, outputUseOf } from './feature-store.ts';
import { createKeyStream } from './key-stream.ts';
import type { RunLedger } from './ledger-keeper.ts';
import { whenThereIsRoom } from './patience.ts';
import type { ProjectRecord } from './records.ts';
import { resultsOf } from './results.ts';
import { prepareRunData, type RunData } from './run-data.ts';
import { isStepTimed, type RunKeeper } from './run-keeper.ts';
import { finishRun, saveCheckpoint, saveRun } from './runs.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

/** What the guard lends to a run. */
export interface RunParts {
  readonly database: BedsideDatabase;
  readonly crew: TrainingCrew;
  readonly project: ProjectRecord;
  readonly dataset: Dataset;
  readonly split: Split;
  /** Null for plans that are not private. */
  readonly ledger: RunLedger | null;
  readonly loadEncoder: (onProgress: (progress: Progress) => void) => Promise<EncoderFacts>;
  readonly checkpoint: Checkpoint | null;
  /** The model of the earlier run that this one goes on from; null for the others. */
  readonly start: TrainedModel | null;
}

export class GuardedRun {
  readonly #parts: RunParts;
  readonly #keeper: RunKeeper;
  readonly #control = new SessionControl();
  #hasReadAllNotes = true;
  #hasKeptDevice = true;
  #isBegun: boolean;

  constructor(parts: RunParts, keeper: RunKeeper) {
    this.#parts = parts;
    this.#keeper = keeper;
    this.#isBegun = parts.checkpoint !== null;
  }

  get runId(): string {
    return this.#keeper.run.id;
  }

  /** Whether the record's time is that of the whole run with every note read anew: one that found some cached, lost its device, or may not tell its last steps' time, tells nothing of the next one. */
  get isTimeWhole(): boolean {
    const { plan, stepsDone } = this.#keeper.run;
    return this.#hasReadAllNotes && this.#hasKeptDevice && isStepTimed(plan.kind, stepsDone);
  }

  async pause(): Promise<void> {
    this.#control.pause();
    this.#keeper.reportPaused(null);
    await this.#record('paused');
  }

  async resume(): Promise<void> {
    this.#control.resume();
    this.#keeper.reportResumed();
    await this.#record('running');
  }

  /** Ends after the current step and keeps the model; before the first step there is none, and the run ends as failed. */
  stop(): void {
    this.#control.stop();
  }

  /** Works to the end and says how it went; never rejects. */
  async work(): Promise<void> {
    try {
      const { encoder, data } = await this.#prepare();
      const outcome = await this.#train(encoder, data);
      await this.#finish(encoder, data, outcome);
    } catch (error) {
      await this.#fail(error);
    } finally {
      this.#parts.crew.watch(() => undefined);
    }
  }

  async #prepare(): Promise<{ encoder: EncoderFacts; data: RunData }> {
    const { dataset, split, project, crew, loadEncoder } = this.#parts;
    const { plan, encoderSha256 } = this.#keeper.run;
    const encoder = await loadEncoder((progress) => this.#keeper.reportPhase('loading-model', progress));
    // Features of another encoder mean something else: the steps that were paid for would be lost.
    if (encoderSha256 !== undefined && encoderSha256 !== encoder.report.sha256) throw otherEncoder();
    this.#keeper.change({ encoderSha256: encoder.report.sha256 });
    const data = await prepareRunData(dataset, split, plan, project.sentences, encoder.tokenizer, async (progress) => {
      this.#keeper.reportPhase('tokenizing', progress);
      await this.#control.whenRunning();
      if (this.#control.isStopping) throw stoppedEarly();
    });
    await crew.ready();
    this.#tellDevice();
    crew.watch(() => {
      this.#hasKeptDevice = false;
      this.#tellDevice();
    });
    return { encoder, data };
  }

  /** The record says what the first step was made on; a run that is resumed, or loses its device, may go on elsewhere. */
  #tellDevice(): void {
    const { crew } = this.#parts;
    this.#keeper.reportDevice(crew.name);
    if (crew.checked && !(this.#isBegun && this.#keeper.run.checkedDevice)) this.#keeper.change({ checkedDevice: crew.checked });
  }

  async #train(encoder: EncoderFacts, data: RunData): Promise<SessionOutcome> {
    const { crew } = this.#parts;
    await crew.lendFeatures(await this.#openFeatures(encoder, data));
    try {
      return await this.#runSession(data);
    } finally {
      await crew.lendFeatures(null);
    }
  }

  /** The project's cached features; null for plans that read none. */
  async #openFeatures(encoder: EncoderFacts, { training, heldOut }: RunData): Promise<FeatureGrant | null> {
    const { database, project, dataset, crew } = this.#parts;
    // The device without the number of workers: they find each other's files.
    const trainers = await crew.ready();
    const [first] = trainers;
    const { plan } = this.#keeper.run;
    const rows = [...training, ...heldOut].flatMap((unit) => unit.rows);
    const load = { rows: rows.length, tokens: rows.reduce((sum, { ids }) => sum + ids.length, 0), classes: dataset.labels.length, trainers: trainers.length };
    const use = first ? (featureUseOf(plan, dataset.notes.length, encoder, first.device) ?? outputUseOf(plan, load, encoder, first.device)) : null;
    const grant = use && (await grantFeatures(database, project, use));
    this.#hasReadAllNotes = grant === null || (grant.files.length === 0 && !grant.hasOutputs);
    return grant;
  }

  async #runSession(data: RunData): Promise<SessionOutcome> {
    const { dataset, crew, ledger, checkpoint, start } = this.#parts;
    const { id, plan } = this.#keeper.run;
    const trainers = await crew.ready();
    const keys = isPrivate(plan) ? oncePerTensor(await createKeyStream()) : null;
    const clock = awakeClockHere();
    const session = runSession({
      runId: id,
      plan,
      labels: dataset.labels,
      ...data,
      trainers,
      charges: ledger && this.#patient(ledger.charges),
      keys,
      ...(ledger ? { bounds: ledger.bounds } : {}),
      checkpoints: { save: (saved) => this.#save(saved) },
      clock: () => clock.now(),
      yields: takeTurn,
      control: this.#control,
      onProgress: (progress) => {
        this.#isBegun ||= progress.step > 0;
        this.#keeper.reportSession(progress);
      },
      resumeFrom: checkpoint,
      ...(start ? { startsFrom: start } : {}),
    });
    return session.finally(() => clock.stop());
  }

  /** A full disk pauses the run before anything is charged; the charge is made when there is room. */
  #patient(charges: ChargePort): ChargePort {
    return { charge: (...charge) => whenThereIsRoom(this.#control, (error) => this.#keeper.reportPaused(error), () => charges.charge(...charge)) };
  }

  async #save(checkpoint: Checkpoint): Promise<void> {
    const savedAtMs = Date.now();
    const run = this.#keeper.save(checkpoint.step, checkpoint.elapsedSeconds, savedAtMs);
    await whenThereIsRoom(this.#control, (error) => this.#keeper.reportPaused(error), () => saveCheckpoint(this.#parts.database, run, checkpoint));
    this.#keeper.reportSaved(savedAtMs);
  }

  async #finish(encoder: EncoderFacts, data: RunData, outcome: SessionOutcome): Promise<void> {
    const { database, dataset, ledger } = this.#parts;
    const before = this.#keeper.close(outcome);
    const results = resultsOf(before, dataset, data, outcome, ledger?.charged() ?? { training: [], heldOut: [] });
    const { accuracy, macroF1, epsilonRun, epsilonModel } = results.run;
    const run = this.#keeper.change({ accuracy, macroF1, epsilonRun, ...(epsilonModel === undefined ? {} : { epsilonModel }) });
    await ledger?.end(outcome.state);
    await whenThereIsRoom(this.#control, (error) => this.#keeper.reportPaused(error), () => finishRun(database, run, outcome.model, encoder.report.sha256, results));
    const { run: summary, statement } = results;
    if (outcome.state === 'finished') this.#keeper.report({ kind: 'finished', run: summary, statement });
    else this.#keeper.report({ kind: 'stopped', run: summary, reason: outcome.reason ?? 'asked', statement });
  }

  /** What was charged stays charged, and the checkpoint stays: a run that lost its worker, device or disk can be resumed. */
  async #fail(error: unknown): Promise<void> {
    const { code, message, hint, values } = errorToPlain(error);
    const canResume = error instanceof BedsideError && (error.family === 'device' || error.family === 'storage' || error.family === 'model' || (isStoppedEarly(error) && this.#parts.checkpoint !== null));
    this.#keeper.charge();
    const run = this.#keeper.change({ state: canResume ? 'interrupted' : 'failed' });
    if (!canResume) await this.#parts.ledger?.end('failed').catch(() => undefined);
    await saveRun(this.#parts.database, run).catch(() => undefined);
    this.#keeper.report({ kind: 'failed', code, message, hint, values });
  }

  /** The run's line in the table of runs; a disk too full for it must not keep the person from pausing. */
  async #record(state: 'paused' | 'running'): Promise<void> {
    await saveRun(this.#parts.database, this.#keeper.change({ state })).catch(() => undefined);
  }
}
