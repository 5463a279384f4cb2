import type { CoordinatorClient } from '../federation/coordinator-client.ts';
import { badRelease, noRelease } from '../federation/errors.ts';
import { checkSignature, readReleasedModel, type VerifySignature } from '../federation/release.ts';
import type { Sha256, SigningKey } from '../federation/signing.ts';
import type { Release } from '../federation/status.ts';
import type { TaskHead } from '../federation/task.ts';
import { scoreLogits } from '../training/held-out-score.ts';
import { bestKept, isWorse, pooledHead } from '../training/received-model.ts';
import type { TrainedHead } from '../training/trained-model.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import type { Participant } from './federation-fit.ts';
import type { MembershipRecord } from './federation-membership.ts';
import { keepPooledRun, type PooledModel } from './federation-run.ts';
import type { ReceivedModel } from './federation.service.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import { prepareRunData } from './run-data.ts';
import { readModel } from './runs.ts';
import type { TrainingCrew } from './training-crew.ts';
import { takeTurn } from './turn.ts';

export const verifySignature: VerifySignature = async (spki, signature, message) => {
  const key = await crypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: 'P-384' }, false, ['verify']).catch(() => null);
  return key !== null && crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-384' }, key, signature, message);
};

export interface FetchedRelease {
  readonly release: Release;
  readonly weights: Float32Array;
}

/** No older release than one that came back, or than what there was at the seat. */
export function leastVersionOf({ models, first }: Pick<MembershipRecord, 'models' | 'first'>): number {
  return Math.max(models.at(-1)?.version ?? 0, first?.version ?? 0);
}

/** Whether a release is the last one that came back. @throws `federation/bad-model` where it is another model of that version. */
export function isSameRelease(last: Pick<ReceivedModel, 'version' | 'sha256'>, { version, sha256 }: Release): boolean {
  if (last.version === version && last.sha256 !== sha256) throw badRelease('hash', last.sha256.slice(0, 12), sha256.slice(0, 12));
  return last.version === version;
}

/** The newest release, checked: see `readReleasedModel`. A round may end between the status and the model, so a hash that is not the status's is looked for once more. */
export async function fetchRelease(coordinator: CoordinatorClient, key: SigningKey, { task, taskHash }: Pick<MembershipRecord, 'task' | 'taskHash'>, leastVersion: number, sha256: Sha256): Promise<FetchedRelease> {
  for (let attempt = 0; ; attempt++) {
    const { model: release } = await coordinator.status();
    if (release === null) throw noRelease();
    // Before it is fetched: what nobody signed is not worth the bytes.
    await checkSignature({ task, taskHash, release, leastVersion, verify: verifySignature });
    const file = await coordinator.model({ key, taskHash }, task.coordinates);
    try {
      return { release, weights: await readReleasedModel({ task, taskHash, release, file, leastVersion, sha256, verify: verifySignature }) };
    } catch (error) {
      const isMoved = (await coordinator.status()).model?.version !== release.version;
      if (!isMoved || attempt > 0) throw error;
    }
  }
}

export interface ReceiveParts {
  readonly database: BedsideDatabase;
  readonly ledger: LedgerKeeper;
  readonly crew: TrainingCrew;
  readonly encoder: EncoderFacts;
  readonly participant: Participant;
  /** Noise multipliers of the rounds that this device answered, by its own record. */
  readonly answered: readonly number[];
}

/** The best of those kept, or the federation's first. */
async function bestBefore(database: BedsideDatabase, { task, first, models }: MembershipRecord, head: TaskHead): Promise<{ readonly model: TrainedHead; readonly runId: string | null; readonly version: number; readonly round: number } | null> {
  const kept = bestKept(models);
  const fallback = first && first.weights.length === task.coordinates ? { model: pooledHead(task, head, first.weights), runId: null, version: first.version, round: first.round } : null;
  if (kept === undefined) return fallback;
  // Its project's run may have been deleted.
  const stored = await readModel(database, kept.runId).catch(() => null);
  return stored?.model.kind === 'head' ? { model: stored.model, runId: kept.runId, version: kept.version, round: kept.round } : fallback;
}

/**
 * Scores a release on the own held-out notes beside the best model before it, and saves it as a run of its project unless it is worse (`isWorse`). Where it is
 * worse the other is kept, and saved as a run if it was none yet.
 */
export async function keepRelease({ database, ledger, crew, encoder, participant, answered }: ReceiveParts, membership: MembershipRecord, { release, weights }: FetchedRelease): Promise<ReceivedModel> {
  const { task, taskHash } = membership;
  const { subject, plan, head } = participant;
  const { heldOut, heldOutNotes } = await prepareRunData({ labels: task.labels }, { training: [], heldOut: subject.split.heldOut }, plan, {}, encoder.tokenizer, takeTurn);
  const rows = heldOut.flatMap((unit) => unit.rows);
  const actual = rows.map(({ label }) => label);
  const classes = task.labels.length;
  const scored = async (model: TrainedHead, version: number, round: number): Promise<PooledModel> => {
    const logits = rows.length === 0 ? new Float32Array(0) : await crew.modelLogits(model, rows.map(({ ids }) => ids));
    if (!logits.every(Number.isFinite)) throw badRelease('scores of own notes', 'finite', 'others');
    return { task, taskHash, version, round, model, logits };
  };
  const before = await bestBefore(database, membership, head);
  const [fresh, old] = [await scored(pooledHead(task, head, weights), release.version, release.round), before && (await scored(before.model, before.version, before.round))];
  const isKept = old === null || !isWorse(fresh.logits, old.logits, actual, classes);
  const facts = { encoderSha256: encoder.report.sha256, device: crew.device, answered, events: (await ledger.ledger()).entries.map(({ event }) => event) };
  const keep = (model: PooledModel) => keepPooledRun(database, participant, { heldOutNotes }, model, facts);
  const runId = isKept ? await keep(fresh) : (before?.runId ?? (await keep(old)));
  return {
    version: release.version, round: release.round, sha256: release.sha256, atMs: Date.now(), isKept, runId,
    accuracy: scoreLogits(fresh.logits, actual, classes).accuracy,
    accuracyBefore: old && scoreLogits(old.logits, actual, classes).accuracy,
  };
}
