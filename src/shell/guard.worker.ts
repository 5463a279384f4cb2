/** The guard: owns sessions, optimizer, secret keys and the ledger. What leaves it was charged, or is for the owner's eyes. */
import { openBedsideDatabase } from './database.ts';
import { Guard } from './guard.ts';
import { LedgerKeeper } from './ledger-keeper.ts';
import { openLedgerStore } from './ledger-store.ts';
import { expose, holdLifeLock } from './remote.ts';
import { logRequestsForPage } from './request-log.ts';
import type { GuardService } from './guard-service.ts';
import { BedsideError } from '../ground/errors.ts';

let guard: Guard | null = null;
const sentBytes = () => guard?.federation.sentBytes ?? 0;

logRequestsForPage(sentBytes);

/** Calls that go on and can be ended, by the name that they came with. */
const calls = new Map<string, AbortController>();

async function cancellable<Result>(callId: string, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const call = new AbortController();
  calls.set(callId, call);
  try {
    return await work(call.signal);
  } finally {
    calls.delete(callId);
  }
}

function opened(): Guard {
  if (!guard) throw new BedsideError('internal/not-open', 'internal', 'The guard was asked before it was opened.', 'Reload the page; nothing that was saved is lost.');
  return guard;
}

const service: GuardService = {
  live: holdLifeLock,
  open: async (encoder, bringTrainers) => {
    const [database, store] = await Promise.all([openBedsideDatabase(), openLedgerStore()]);
    guard = new Guard(database, new LedgerKeeper(store, database), encoder, bringTrainers);
    // Not waited for: a federation whose server is gone must keep nobody from the own notes.
    void guard.federation.begin().catch(() => undefined);
  },
  connect: async (ports, workShare, checked) => opened().connect(ports, workShare, checked),
  pace: async (workShare) => opened().pace(workShare),
  loadEncoder: async (onProgress) => opened().loadEncoder(onProgress),
  encoder: async () => opened().encoder(),
  energy: async () => opened().energy(),
  setEnergy: async (settings) => opened().setEnergy(settings),
  budget: async (id) => opened().budget(id),
  setBudget: async (id, epsilonLimit) => opened().setBudget(id, epsilonLimit),
  declareDisjoint: async (id) => opened().declareDisjoint(id),
  proposePlan: async (id, callId, onProgress) => cancellable(callId, (signal) => opened().proposePlan(id, { onProgress, signal })),
  forecast: async (id, plan) => opened().forecast(id, plan),
  startRun: async (id, plan, onMessage) => opened().startRun(id, plan, onMessage),
  resumeRun: async (id, runId, onMessage) => opened().resumeRun(id, runId, onMessage),
  pause: async (runId) => opened().active(runId).pause(),
  resume: async (runId) => opened().active(runId).resume(),
  stop: async (runId) => opened().active(runId).stop(),
  resumeEpsilons: async (id) => opened().resumeEpsilons(id),
  audit: async (id, options, callId, onProgress) => cancellable(callId, (signal) => opened().audit(id, options, onProgress, signal)),
  auditForecast: async (id, options) => opened().auditForecast(id, options),
  pauseAudit: async (isPaused) => opened().pauseAudit(isPaused),
  results: async (id, runId) => opened().results(id, runId),
  prices: async (id, runId) => opened().prices(id, runId),
  trainOn: async (id, runId) => opened().trainOn(id, runId),
  chargeScore: async (id, runId) => opened().chargeScore(id, runId),
  classify: async (id, runId, text) => opened().classify(id, runId, text),
  classifyFile: async (id, runId, file, callId, onProgress) => cancellable(callId, (signal) => opened().classifyFile(id, runId, file, onProgress, signal)),
  cancel: async (callId) => calls.get(callId)?.abort(),
  forget: async (id) => opened().forget(id),
  exportModel: async (id, runId) => opened().exportModel(id, runId),
  shareable: async (id) => opened().shareable(id),
  exportProject: async (id, epsilon) => opened().exportProject(id, epsilon),
  importProject: async (file, mayExhaust) => opened().importProject(file, mayExhaust),
  ledger: async () => opened().ledger(),
  eraseLedger: async () => opened().eraseLedger(),
  ledgerBytes: async () => opened().ledgerBytes(),
  sentBytes: async () => sentBytes(),

  federationOffer: async () => opened().federation.offer(),
  federationFit: async (projectId, taskHash) => opened().federation.fit(projectId, taskHash),
  openDealtNotes: async (link) => opened().federation.openDealtNotes(link),
  previewUpdate: async (projectId, taskHash, callId) => cancellable(callId, (signal) => opened().federation.preview(projectId, taskHash, signal)),
  joinFederation: async (projectId, taskHash, link, epsilonLimit) => opened().federation.join(projectId, taskHash, link, epsilonLimit),
  leaveFederation: async () => opened().federation.leave(),
  destroyFederationKey: async () => opened().federation.destroyKey(),
  watchFederation: async (watchId, onChange) => opened().federation.watch(watchId, onChange),
  unwatchFederation: async (watchId) => opened().federation.unwatch(watchId),
  federationSent: async () => opened().federation.sent(),
  receiveModel: async () => opened().federation.receive(),
  projector: async (token) => opened().federation.projector(token),
  checkMayDelete: async (projectId) => opened().federation.checkMayDelete(projectId),
};

expose(service);
