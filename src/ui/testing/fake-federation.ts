/** A believable federation for component tests, and for `?fake&federation=…` while developing: invented counts, true intervals and epsilons of one agreed task. */
import { BedsideError } from '../../ground/errors.ts';
import type { FederationFit, FederationLink, FederationMembership, FederationOffer, FederationRound, FederationService, FederationStatus, ProjectorView, ReceivedModel, SentLine, SharedRound, UpdatePreview } from '../../shell/federation.service.ts';
import { foundAtOnePercent, guessedRight } from '../../privacy/attack-limit.ts';
import { proportion } from './fake-results.ts';

export const federationStories = ['offer', 'not-helping', 'little', 'short', 'spent', 'unfit', 'obstacle', 'none', 'joined', 'training', 'refused', 'leaving', 'left', 'ended', 'budget-ended', 'room-30', 'room-done', 'projected', 'participant', 'central'] as const;
export type FederationStory = (typeof federationStories)[number];
export const isFederationStory = (name: string | null): name is FederationStory => federationStories.some((story) => story === name);

type Task = FederationOffer['task'];
const task: Task = {
  name: 'Where the letter goes', coordinator: 'St Example’s', labels: ['Clinic', 'GP', 'No follow-up', 'Urgent'],
  labelSentences: ['to be seen again in an outpatient clinic', 'care goes back to the family doctor', 'nothing more is needed', 'must be seen within days'],
  baseModel: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db', coordinates: 1540, rounds: 5, unit: 'person', clipNorm: 1, noiseMultiplier: 4.77, delta: 1e-5, updateNormBound: 190, sample: { persons: 16, notes: 40, alpha: null },
};
/** The same task under the coordinator's other terms, as `--project 32`, `--unit participant` and `--central-noise 0.05` make it. */
const otherTerms: Partial<Record<FederationStory, Partial<Task>>> = {
  projected: {
    coordinates: 132, updateNormBound: 58,
    head: { maximumLength: 128, featureLayers: [6], featureWeights: [1], publicMean: Array.from({ length: 384 }, () => 0), biasInput: 0.3, projection: { dimension: 32, seed: 7, directions: new Int8Array(0), sha256: 'd2'.repeat(32) } },
  },
  participant: { unit: 'participant', clipNorm: 0.2 },
  central: { centralNoise: { noiseMultiplier: 0.05, cohort: 20 } },
};
const taskOf = (story: FederationStory): Task => ({ ...task, ...otherTerms[story] });
const hashOf = (seed: number) => Array.from({ length: 8 }, (_, at) => (((seed + 3) * (at + 11) * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0')).join('');
const taskHash = hashOf(1);
/** Of one to five rounds of the task: one Gaussian mechanism each, at its delta. */
const epsilons = [0, 0.78, 1.14, 1.43, 1.68, 1.9] as const;
const [epsilonPerRound, epsilonTotal] = [epsilons[1], epsilons[5]];
const claim = { epsilon: epsilonTotal, delta: task.delta, mu: Math.sqrt(task.rounds) / task.noiseMultiplier };
const bytesPerRound = 9_421;

const round = (number: number, seats: number, changes: Partial<FederationRound> = {}): FederationRound => {
  const accepted = Math.round(seats * 0.9) - (number % 3);
  return { round: number, isCounted: true, isKept: true, accepted, dropped: number % 3 === 2 ? 1 : 0, seconds: 19 + 3 * number, deviceSeconds: accepted * (7.5 + number), accuracy: { correct: [182, 241, 266, 266, 281, 290][number] ?? 290, total: 400 }, ...changes };
};

function statusOf(story: FederationStory, state: FederationStatus['state'], done: number, seats: number, changes: Partial<FederationStatus> = {}): FederationStatus {
  // The third round would have made the model worse on the public notes: the gate held it back, and the one before stands.
  const rounds = Array.from({ length: done }, (_, at) => round(at + 1, seats, at + 1 === 3 ? { isKept: false } : {}));
  const going = state === 'training' ? done + 1 : null;
  return {
    taskHash, state, round: going, roundsPlanned: task.rounds, rounds,
    participants: { seats, enrolled: Math.round(seats * 0.95), left: done > 2 ? 1 : 0, present: Math.round(seats * 0.9), asked: Math.round(seats * 0.9), needed: Math.ceil(seats / 3) },
    epsilon: { spent: epsilons[going ?? done] ?? epsilonTotal, perRound: epsilonPerRound, total: epsilonTotal, delta: task.delta, unit: taskOf(story).unit },
    initialAccuracy: { correct: 182, total: 400 },
    model: done > 0 ? { version: done, round: done === 3 ? 2 : done, sha256: hashOf(60 + done), sizeBytes: 6288, signature: hashOf(80 + done) } : null,
    refused: done > 1 ? { 'used-invitation': 2, replayed: 1, 'too-large': 11 } : {}, ...changes,
  };
}

const sent = (number: number): SharedRound['sent'] => [['Message', 311], ['RecordDict', 214], ['ArrayRecord', 118], ['Array', 206], ['ArrayChunk', 6288], ['MetricRecord', 84]].map(([what, bytes], at) => ({ what: String(what), bytes: Number(bytes), sha256: hashOf(number * 10 + at) }));
const total = (rounds: readonly SharedRound[]) => rounds.reduce((sum, { sent: objects }) => sum + objects.reduce((bytes, object) => bytes + object.bytes, 0), 0);
const model = (version: number, correct: number, before: number | null, isKept: boolean, atMs: number): ReceivedModel => ({ version, round: version, sha256: hashOf(60 + version), atMs, accuracy: proportion(correct, 96), accuracyBefore: before === null ? null : proportion(before, 96), isKept, runId: `run-${version + 4}` });

const unreachable = { code: 'federation/unreachable', message: 'The federation’s server did not answer (pull-messages).', hint: 'Nothing needs doing: this device tries again by itself. If it lasts, check the network.', values: { endpoint: 'pull-messages' } };

const overBudget = { code: 'federation/over-budget', message: 'One more round would bring what was shared to epsilon 1.677; the limit agreed on is 1.5. This device declines further rounds.', hint: 'Nothing needs doing; you may leave the federation.', values: { epsilon: 1.677, limit: 1.5 } };

/** Density of a normal around 0. */
const normalDensity = (value: number, spread: number) => Math.exp(-0.5 * (value / spread) ** 2) / (spread * Math.sqrt(2 * Math.PI));
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class FakeFederation implements FederationService {
  readonly #story: FederationStory;
  readonly #delayMs: number;
  readonly #nowMs: number;
  readonly #listeners = new Set<(membership: FederationMembership | null) => void>();
  readonly #openDealt: () => Promise<string>;
  #membership: FederationMembership | null = null;
  /** What the last call to `join` was given. */
  joinedWith: { readonly projectId: string; readonly link: FederationLink; readonly epsilonLimit: number } | null = null;
  /** Calls that would reach the server. */
  asked = 0;

  constructor(story: FederationStory, delayMs: number, nowMs: number, openDealt: () => Promise<string>) {
    this.#story = story;
    this.#delayMs = delayMs;
    this.#nowMs = nowMs;
    this.#openDealt = openDealt;
    if (story === 'joined') this.#membership = this.#member('waiting', 0, 'waiting');
    if (story === 'training') this.#membership = this.#member('training', 3, 'training');
    if (story === 'refused') this.#membership = { ...this.#member('waiting', 3, 'waiting'), failure: unreachable };
    if (story === 'left') this.#membership = { ...this.#member('training', 2, 'left'), wasServerTold: true };
    if (story === 'leaving') this.#membership = { ...this.#member('training', 2, 'leaving'), failure: unreachable };
    if (story === 'budget-ended') this.#membership = { ...this.#member('training', 3, 'ended'), epsilonLimit: 1.5, failure: overBudget };
    if (story === 'ended') this.#membership = this.#member('finished', 5, 'ended');
  }

  #member(state: FederationStatus['state'], done: number, phase: FederationMembership['phase']): FederationMembership {
    const rounds = Array.from({ length: done }, (_, at): SharedRound => {
      const base = { energyWh: { low: 0.03, central: 0.06, high: 0.12 }, round: at + 1, atMs: this.#nowMs - (done - at) * 60_000, reason: null, epsilon: epsilons[1], clamps: [], sent: sent(at + 1) };
      if (at === 1) return { ...base, outcome: 'delivered', clamps: [{ term: 'noise multiplier', agreed: task.noiseMultiplier, asked: 1 }] };
      if (this.#story === 'refused' && at === 2) return { ...base, outcome: 'declined', reason: 'federation/beyond-agreement', epsilon: null, energyWh: null, sent: [{ what: 'Message', bytes: 402, sha256: hashOf(99) }] };
      return { ...base, outcome: 'delivered' };
    });
    const going: SharedRound[] = phase === 'training' ? [{ round: done + 1, atMs: this.#nowMs - 4000, outcome: 'training', energyWh: null, reason: null, epsilon: epsilonPerRound, clamps: [], sent: [] }] : [];
    const paid = [...rounds, ...going].filter(({ epsilon }) => epsilon !== null).length;
    const models = done > 1 ? [model(1, 61, null, true, this.#nowMs - 150_000), model(2, 70, 61, true, this.#nowMs - 90_000), ...(done > 2 ? [model(3, 64, 70, false, this.#nowMs - 40_000)] : [])] : [];
    return { task: taskOf(this.#story), taskHash, projectId: 'project-1', seat: 7, seats: 30, epsilonLimit: epsilonTotal, epsilonSpent: epsilons[paid] ?? epsilonTotal, phase, progress: null, failure: null, isHalted: false, wasServerTold: null, status: statusOf(this.#story, state, done, 30), rounds: [...rounds, ...going], energyWh: { low: 0.03 * done, central: 0.06 * done, high: 0.12 * done }, carbonGrams: { low: 0.01 * done, central: 0.03 * done, high: 0.08 * done }, sentBytes: total(rounds) + done * 2200, receivedBytes: done * 8100 + models.length * 6400, models };
  }

  async #answer<T>(value: () => T): Promise<T> {
    this.asked += 1;
    await wait(this.#delayMs);
    return value();
  }

  /** Tells everybody who listens. */
  tell(changes: Partial<FederationMembership> | null): void {
    this.#membership = changes === null ? null : { ...(this.#membership ?? this.#member('waiting', 0, 'waiting')), ...changes };
    for (const listener of this.#listeners) listener(this.#membership);
  }

  offer = () => this.#answer((): FederationOffer => {
    if (this.#story === 'none') throw new BedsideError('federation/none-here', 'network', 'There is no federation at this address.', 'Open the link that you were given.');
    const bytes = bytesPerRound - 4 * (task.coordinates - taskOf(this.#story).coordinates);
    return { task: taskOf(this.#story), taskHash, address: 'workshop.example:8443', status: this.#story === 'room-done' ? statusOf(this.#story, 'finished', 5, 30) : statusOf(this.#story, 'waiting', 0, 30), figures: { bytesPerRound: bytes, bytesTotal: bytes * task.rounds, epsilonPerRound, epsilonTotal, guessingBound: guessedRight(claim), foundAtOnePercent: foundAtOnePercent(claim) }, obstacle: this.#story === 'obstacle' ? 'other-base-model' : this.#story === 'room-done' ? 'all-rounds-done' : null };
  });

  fit = (projectId: string) => this.#answer((): FederationFit => {
    if (this.#story === 'unfit') return { projectId, failure: { code: 'federation/other-labels', message: 'Of the 5 labels of these notes, 3 are not among those of the federation’s task. Nothing was sent.', hint: 'Choose the column with the labels that the task names, or other notes.', values: { unknown: 3, all: 5 } }, units: 0, rows: 0, heldOutRows: 0, budget: null, epsilonAfter: null, roundsThatFit: 0, outlook: null };
    const isFew = this.#story === 'not-helping';
    const epsilonSpent = this.#story === 'spent' ? 3.99 : this.#story === 'short' ? 3.2 : 1.62;
    const roundsThatFit = this.#story === 'spent' ? 0 : this.#story === 'short' ? 2 : task.rounds;
    return {
      projectId, failure: null, units: isFew ? 14 : 312, rows: isFew ? 22 : 493, heldOutRows: isFew ? 6 : 96, epsilonAfter: roundsThatFit === 0 ? null : Math.min(4, epsilonSpent + (epsilons[roundsThatFit] ?? 0) * 0.7), roundsThatFit,
      budget: { epsilonLimit: 4, delta: 1e-5, epsilonSpent: Math.max(epsilonSpent, 2.5), epsilonTraining: epsilonSpent, epsilonHeldOut: 2.5, isUnitMixed: false, allowance: null, isChainIntact: true },
      outlook: isFew ? { verdict: 'does-not-help', signal: 1.4, signalAlone: 0.3 } : this.#story === 'little' ? { verdict: 'little', signal: 44, signalAlone: 21 } : { verdict: 'helps', signal: 61, signalAlone: 2.3 },
    };
  });

  openDealtNotes = async () => ({ projectId: await this.#openDealt(), invitation: 'dealt-invitation', seat: 7 });

  preview = async (_projectId: string, _taskHash: string, signal: AbortSignal): Promise<UpdatePreview> => {
    this.asked += 1;
    await wait(this.#delayMs);
    if (signal.aborted) throw new BedsideError('cancelled', 'input', 'Cancelled.', '');
    const [spreadBefore, spreadAfter, bars] = [0.0021, 0.0154, 48];
    const edges = Array.from({ length: bars + 1 }, (_, at) => -0.05 + (0.1 * at) / bars);
    const countsOf = (spread: number) => Array.from({ length: bars }, (_, at) => Math.round(taskOf(this.#story).coordinates * (edges[at + 1]! - edges[at]!) * normalDensity((edges[at]! + edges[at + 1]!) / 2, spread)));
    return { edges, before: countsOf(spreadBefore), after: countsOf(spreadAfter), spreadBefore, spreadAfter, firstBytes: Array.from({ length: 64 }, (_, at) => (at * 167 + 61) % 256) };
  };

  join = async (projectId: string, _taskHash: string, link: FederationLink, epsilonLimit: number): Promise<void> => {
    await this.#answer(() => undefined);
    if (link.token === 'used') throw new BedsideError('federation/invitation', 'network', 'This invitation has been used by another device.', 'Ask whoever runs the federation for another.');
    this.joinedWith = { projectId, link, epsilonLimit };
    this.tell({ ...this.#member('waiting', 0, 'reading'), projectId, epsilonLimit, progress: { done: 120, total: 493 } });
  };

  leave = async (): Promise<boolean> => {
    this.tell({ phase: 'leaving' });
    await this.#answer(() => undefined);
    this.tell({ phase: 'left', wasServerTold: true });
    return true;
  };

  destroyKey = async (): Promise<void> => this.tell({ phase: 'left', failure: null, wasServerTold: false });

  watch = async (onChange: (membership: FederationMembership | null) => void): Promise<() => void> => {
    await wait(this.#delayMs);
    this.#listeners.add(onChange);
    onChange(this.#membership);
    return () => this.#listeners.delete(onChange);
  };

  receive = async (): Promise<ReceivedModel> => {
    await this.#answer(() => undefined);
    const version = (this.#membership?.models.at(-1)?.version ?? 0) + 1;
    const received = model(version, 74, 70, true, this.#nowMs);
    this.tell({ models: [...(this.#membership?.models ?? []), received] });
    return received;
  };

  /** A seat taken, two hours of polls, and each round's calls. */
  sent = async (): Promise<readonly SentLine[]> => {
    await wait(this.#delayMs);
    const { rounds = [] } = this.#membership ?? {};
    const startMs = this.#nowMs - 7_200_000;
    const line = (endpoint: string, seed: number, bytes: number, times: number, firstAtMs: number, lastAtMs = firstAtMs): SentLine => ({ endpoint, sha256: hashOf(seed), bytes, times, firstAtMs, lastAtMs });
    return [
      line('deal', 201, 33, 1, startMs), line('enrol', 202, 39, 1, startMs + 60_000), line('register-node', 203, 218, 1, startMs + 61_000), line('activate-node', 204, 227, 2, startMs + 61_500, startMs + 3_000_000),
      line('pull-messages', 205, 12, 2380, startMs + 62_000, this.#nowMs), line('send-node-heartbeat', 206, 21, 31, startMs + 200_000, this.#nowMs),
      ...rounds.flatMap(({ round: number, sent: objects, atMs }) => [line('confirm-message-received', 300 + (number ?? 0), 88, 1, atMs), ...objects.map(({ bytes }, at) => line('push-object', 400 + 10 * (number ?? 0) + at, bytes + 142, 1, atMs + 900 + at))]),
    ];
  };

  projector = (token: string) => this.#answer((): ProjectorView => {
    if (token === 'wrong') throw new BedsideError('federation/invitation', 'network', 'This invitation is not known here.', 'Ask whoever runs the federation for another.');
    const status = this.#story === 'room-30' ? statusOf(this.#story, 'training', 3, 30) : this.#story === 'room-done' ? statusOf(this.#story, 'finished', 5, 30) : statusOf(this.#story, 'waiting', 0, 30, { participants: { seats: 30, enrolled: 4, left: 0, present: 4, asked: 0, needed: 10 } });
    const isByHand = token === 'by-hand';
    return { task: taskOf(this.#story), taskHash, status, address: 'https://workshop.example:8443', roomLink: isByHand ? null : 'https://workshop.example:8443/#/federation/room-Yp7Qd2vK0sTgB4nXeR1uLw', roomQr: isByHand ? null : fakeQr(), fingerprint: '4F:1A:9C:22:B0:7E:55:D3:8A:61:0C:F4:3B:97:E8:2D:16:AA:5D:C9:70:3E:84:F1:B2:6C:0D:98:E5:47:1F:3A' };
  });
}

/** Squares that look like a code and are none. */
function fakeQr(): string {
  const side = 33;
  const dots = Array.from({ length: side * side }, (_, at) => ((at * 7919 + (at >> 3) * 104_729) % 97 < 47 ? `M${at % side} ${Math.floor(at / side)}h1v1h-1z` : '')).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 ${side + 4} ${side + 4}"><rect x="-2" y="-2" width="${side + 4}" height="${side + 4}" fill="#fff"/><path d="${dots}" fill="#000"/></svg>`;
}
