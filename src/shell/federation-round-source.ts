import type { Agreement } from '../federation/agreement.ts';
import type { NoisedUpdate, RoundRequest, UpdateSource } from '../federation/update-source.ts';
import type { Releasable } from '../privacy/doors.ts';
import type { Ledger } from '../privacy/ledger.ts';
import { roundTooLate, trainingCancelled } from '../training/federated-errors.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import { featureUseOf, grantFeatures } from './feature-store.ts';
import { participantOf } from './federation-fit.ts';
import type { RoundState } from './federation-membership.ts';
import { checkPersonalLimit, federationRunId, guardedSource } from './federation-source.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import { trainingLockName } from './live-runs.ts';
import type { RemoteTrainer } from './remote-trainer.ts';
import { prepareRunData } from './run-data.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

export interface RoundSourceParts {
  readonly database: BedsideDatabase;
  readonly ledger: LedgerKeeper;
  readonly crew: TrainingCrew;
  readonly loadEncoder: () => Promise<EncoderFacts>;
  readonly agreement: Agreement;
  readonly projectId: string;
  readonly onState: (state: RoundState) => void;
  /** How long a round kept the trainers busy, well or badly: waiting for them is not work. */
  readonly onWork: (round: number, seconds: number) => void;
}

/** What one preparation holds good for. */
interface Prepared {
  readonly updates: UpdateSource;
  readonly ledger: Ledger;
  readonly trainers: readonly RemoteTrainer[];
  readonly lendFeatures: () => Promise<void>;
}

/**
 * A project's source of updates that shares the trainers with runs and audits: each round takes the browser's training lock, waiting for it where it must,
 * and reads the notes anew where anybody else has had the trainers, or written to the ledger, since.
 */
export class RoundSource implements UpdateSource {
  readonly #parts: RoundSourceParts;
  readonly #cancel = new AbortController();
  #prepared: Prepared | null = null;

  constructor(parts: RoundSourceParts) {
    this.#parts = parts;
  }

  async train(request: RoundRequest): Promise<Releasable<NoisedUpdate>> {
    const { onState } = this.#parts;
    try {
      return await this.#whileLocked(() => this.#timed(request));
    } finally {
      onState({ kind: 'idle' });
    }
  }

  cancel(): void {
    this.#cancel.abort();
    this.#prepared?.updates.cancel();
  }

  /** Takes the lock at once, or says that the round waits. */
  async #whileLocked<Result>(action: () => Promise<Result>): Promise<Result> {
    const { signal } = this.#cancel;
    const atOnce = await navigator.locks.request(trainingLockName, { ifAvailable: true }, async (lock) => (lock ? { result: await action() } : null));
    if (atOnce) return atOnce.result;
    this.#parts.onState({ kind: 'waiting' });
    let hasLock = false;
    try {
      return await navigator.locks.request(trainingLockName, { signal }, () => {
        hasLock = true;
        return action();
      });
    } catch (error) {
      throw !hasLock && signal.aborted ? trainingCancelled() : error;
    }
  }

  async #timed(request: RoundRequest): Promise<Releasable<NoisedUpdate>> {
    const startMs = performance.now();
    try {
      return await this.#train(request);
    } finally {
      this.#parts.onWork(request.terms.round, (performance.now() - startMs) / 1000);
    }
  }

  async #train(request: RoundRequest): Promise<Releasable<NoisedUpdate>> {
    const { onState, crew, agreement, ledger } = this.#parts;
    // Over while it waited: no note need be read.
    if ((await request.isWanted?.()) === false) throw roundTooLate(request.terms.round);
    checkPersonalLimit(agreement, await ledger.ledger(), request.terms);
    onState({ kind: 'training' });
    const { updates, lendFeatures } = await this.#ready();
    if (this.#cancel.signal.aborted) throw trainingCancelled();
    await lendFeatures();
    try {
      return await updates.train(request);
    } finally {
      await crew.lendFeatures(null);
    }
  }

  /** The source of before, where nobody came between; else another, over notes that are read again. */
  async #ready(): Promise<Prepared> {
    const { crew, ledger } = this.#parts;
    const [trainers, current] = [await crew.ready(), await ledger.ledger()];
    const isStill = crew.claim(this);
    const before = this.#prepared;
    this.#prepared = isStill && before?.trainers === trainers && before.ledger === current ? before : await this.#prepare(trainers);
    return this.#prepared;
  }

  async #prepare(trainers: readonly RemoteTrainer[]): Promise<Prepared> {
    const { database, ledger: keeper, crew, loadEncoder, agreement, projectId, onState } = this.#parts;
    const { task, taskHash } = agreement;
    const encoder = await loadEncoder();
    const baseModel = encoder.report.sha256;
    const { project, dataset, subject, plan } = await participantOf({ database, ledger: keeper, baseModel }, projectId, task);
    const { training } = await prepareRunData({ labels: task.labels }, { training: subject.split.training, heldOut: [] }, plan, {}, encoder.tokenizer, takeTurn);
    const runId = federationRunId(taskHash);
    const wasCharged = (await keeper.ledger()).entries.some(({ event }) => event.kind === 'charge' && event.runId === runId);
    // Enters the cohorts and a budget; refuses notes other than those that earlier rounds were charged for.
    await keeper.openRun(project, plan, runId, wasCharged ? 'resumed' : 'started', dataset);
    const ledger = await keeper.ledger();
    const use = trainers[0] ? featureUseOf(plan, dataset.notes.length, encoder, trainers[0].device) : null;
    const onProgress = ({ phase, phaseProgress }: { readonly phase: string; readonly phaseProgress: { readonly done: number; readonly total: number } }) => {
      const isReading = phase === 'features' && phaseProgress.done < phaseProgress.total;
      onState(isReading ? { kind: 'reading', progress: phaseProgress } : { kind: 'training' });
    };
    return {
      ledger,
      trainers,
      lendFeatures: async () => crew.lendFeatures(use && (await grantFeatures(database, project, use))),
      updates: guardedSource({ agreement, ledger, cohortIds: { training: subject.cohorts[0].cohortId, 'held-out': subject.cohorts[1].cohortId }, training, unit: plan.unit, baseModel, trainers, onProgress }),
    };
  }
}
