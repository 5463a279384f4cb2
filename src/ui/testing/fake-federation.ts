/** A believable federation for component tests, and for `?fake&federation=…` while developing: invented counts, true intervals and epsilons of one agreed task. */
import { BedsideError } from '../../ground/errors.ts';
import type { FederationFit, FederationLink, FederationMembership, FederationOffer, FederationRound, FederationService, FederationStatus, ProjectorView, ReceivedModel, SharedRound, UpdatePreview } from '../../shell/federation.service.ts';
import { proportion } from './fake-results.ts';

export const federationStories = ['offer', 'not-helping', 'little', 'short', 'spent', 'unfit', 'obstacle', 'none', 'joined', 'training', 'refused', 'left', 'ended', 'room-30'] as const;
export type FederationStory = (typeof federationStories)[number];
export const isFederationStory = (name: string | null): name is FederationStory => federationStories.some((story) => story === name);

type Task = FederationOffer['task'];
const task: Task = {
  name: 'Where the letter goes', coordinator: 'St Example’s', labels: ['Clinic', 'GP', 'No follow-up', 'Urgent'],
  labelSentences: ['to be seen again in an outpatient clinic', 'care goes back to the family doctor', 'nothing more is needed', 'must be seen within days'],
  baseModel: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db', coordinates: 1540, rounds: 5, unit: 'person', clipNorm: 1, noiseMultiplier: 4.77, delta: 1e-5, updateNormBound: 190, sample: { persons: 16, notes: 40, alpha: null },
};
const hashOf = (seed: number) => Array.from({ length: 8 }, (_, at) => (((seed + 3) * (at + 11) * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0')).join('');
const taskHash = hashOf(1);
/** Of one to five rounds of the task: one Gaussian mechanism each, at its delta. */
const epsilons = [0, 0.78, 1.14, 1.43, 1.68, 1.9] as const;
const [epsilonPerRound, epsilonTotal] = [epsilons[1], epsilons[5]];
const bytesPerRound = 9_421;

const round = (number: number, seats: number, changes: Partial<FederationRound> = {}): FederationRound => {
  const accepted = Math.round(seats * 0.9) - (number % 3);
  return { round: number, isCounted: true, isKept: true, accepted, dropped: number % 3 === 2 ? 1 : 0, seconds: 19 + 3 * number, deviceSeconds: accepted * (7.5 + number), accuracy: { correct: [182, 241, 266, 266, 281, 290][number] ?? 290, total: 400 }, ...changes };
};

function statusOf(state: FederationStatus['state'], done: number, seats: number, changes: Partial<FederationStatus> = {}): FederationStatus {
  // The third round would have made the model worse on the public notes: the gate held it back, and the one before stands.
  const rounds = Array.from({ length: done }, (_, at) => round(at + 1, seats, at + 1 === 3 ? { isKept: false } : {}));
  const going = state === 'training' ? done + 1 : null;
  return {
    taskHash, state, round: going, roundsPlanned: task.rounds, rounds,
    participants: { seats, enrolled: Math.round(seats * 0.95), left: done > 2 ? 1 : 0, present: Math.round(seats * 0.9), asked: Math.round(seats * 0.9), needed: Math.ceil(seats / 3) },
    epsilon: { spent: epsilons[going ?? done] ?? epsilonTotal, perRound: epsilonPerRound, total: epsilonTotal, delta: task.delta, unit: task.unit },
    initialAccuracy: { correct: 182, total: 400 },
    model: done > 0 ? { version: done, round: done === 3 ? 2 : done, sha256: hashOf(60 + done), sizeBytes: 6288, signature: hashOf(80 + done) } : null,
    refused: done > 1 ? { 'used-invitation': 2, replayed: 1, 'too-large': 11 } : {}, ...changes,
  };
}

const sent = (number: number): SharedRound['sent'] => [['Message', 311], ['RecordDict', 214], ['ArrayRecord', 118], ['Array', 206], ['ArrayChunk', 6288], ['MetricRecord', 84]].map(([what, bytes], at) => ({ what: String(what), bytes: Number(bytes), sha256: hashOf(number * 10 + at) }));
const total = (rounds: readonly SharedRound[]) => rounds.reduce((sum, { sent: objects }) => sum + objects.reduce((bytes, object) => bytes + object.bytes, 0), 0);
const model = (version: number, correct: number, before: number | null, isKept: boolean, atMs: number): ReceivedModel => ({ version, round: version, sha256: hashOf(60 + version), atMs, accuracy: proportion(correct, 96), accuracyBefore: before === null ? null : proportion(before, 96), isKept, runId: `run-${version + 4}` });

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
    if (story === 'refused') this.#membership = { ...this.#member('waiting', 3, 'waiting'), failure: { code: 'federation/unreachable', message: 'The federation’s server did not answer (pull-messages).', hint: 'Nothing needs doing: this device tries again by itself. If it lasts, check the network.', values: { endpoint: 'pull-messages' } } };
    if (story === 'left') this.#membership = { ...this.#member('training', 2, 'left'), wasServerTold: true };
    if (story === 'ended') this.#membership = this.#member('finished', 5, 'ended');
  }

  #member(state: FederationStatus['state'], done: number, phase: FederationMembership['phase']): FederationMembership {
    const rounds = Array.from({ length: done }, (_, at): SharedRound => {
      const base = { round: at + 1, atMs: this.#nowMs - (done - at) * 60_000, reason: null, epsilon: epsilons[1], clamps: [], sent: sent(at + 1) };
      if (at === 1) return { ...base, outcome: 'delivered', clamps: [{ term: 'noise multiplier', agreed: task.noiseMultiplier, asked: 1 }] };
      if (this.#story === 'refused' && at === 2) return { ...base, outcome: 'declined', reason: 'federation/beyond-agreement', epsilon: null, sent: [{ what: 'Message', bytes: 402, sha256: hashOf(99) }] };
      return { ...base, outcome: 'delivered' };
    });
    const going: SharedRound[] = phase === 'training' ? [{ round: done + 1, atMs: this.#nowMs - 4000, outcome: 'training', reason: null, epsilon: epsilonPerRound, clamps: [], sent: [] }] : [];
    const paid = [...rounds, ...going].filter(({ epsilon }) => epsilon !== null).length;
    const models = done > 1 ? [model(1, 61, null, true, this.#nowMs - 150_000), model(2, 70, 61, true, this.#nowMs - 90_000), ...(done > 2 ? [model(3, 64, 70, false, this.#nowMs - 40_000)] : [])] : [];
    return { task, taskHash, projectId: 'project-1', seat: 7, seats: 30, epsilonLimit: epsilonTotal, epsilonSpent: epsilons[paid] ?? epsilonTotal, phase, progress: null, failure: null, wasServerTold: null, status: statusOf(state, done, 30), rounds: [...rounds, ...going], sentBytes: total(rounds) + done * 2200, receivedBytes: done * 8100 + models.length * 6400, models };
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
    return { task, taskHash, address: 'workshop.example:8443', status: statusOf('waiting', 0, 30), figures: { bytesPerRound, bytesTotal: bytesPerRound * task.rounds, epsilonPerRound, epsilonTotal }, obstacle: this.#story === 'obstacle' ? 'other-base-model' : null };
  });

  fit = (projectId: string) => this.#answer((): FederationFit => {
    if (this.#story === 'unfit') return { projectId, failure: { code: 'training/federated-task', message: 'The federation’s task does not fit this device: its labels must be Clinic, GP, No follow-up, Urgent, found others. Nothing was charged or sent.', hint: 'Ask whoever runs the federation which model and which notes the task is for.', values: { what: 'labels', expected: '4', found: '4' } }, units: 0, rows: 0, heldOutRows: 0, budget: null, epsilonAfter: null, roundsThatFit: 0, outlook: null };
    const isFew = this.#story === 'not-helping';
    const epsilonSpent = this.#story === 'spent' ? 3.99 : this.#story === 'short' ? 3.2 : 1.62;
    const roundsThatFit = this.#story === 'spent' ? 0 : this.#story === 'short' ? 2 : task.rounds;
    return {
      projectId, failure: null, units: isFew ? 14 : 312, rows: isFew ? 22 : 493, heldOutRows: isFew ? 6 : 96, epsilonAfter: roundsThatFit === 0 ? null : Math.min(4, epsilonSpent + (epsilons[roundsThatFit] ?? 0) * 0.7), roundsThatFit,
      budget: { epsilonLimit: 4, delta: 1e-5, epsilonSpent, epsilonHeldOut: 0, isUnitMixed: false, allowance: null, isChainIntact: true },
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
    const countsOf = (spread: number) => Array.from({ length: bars }, (_, at) => Math.round(task.coordinates * (edges[at + 1]! - edges[at]!) * normalDensity((edges[at]! + edges[at + 1]!) / 2, spread)));
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

  projector = (token: string) => this.#answer((): ProjectorView => {
    if (token === 'wrong') throw new BedsideError('federation/invitation', 'network', 'This invitation is not known here.', 'Ask whoever runs the federation for another.');
    const status = this.#story === 'room-30' ? statusOf('training', 3, 30) : statusOf('waiting', 0, 30, { participants: { seats: 30, enrolled: 4, left: 0, present: 4, asked: 0, needed: 10 } });
    const isByHand = token === 'by-hand';
    return { task, taskHash, status, address: 'https://workshop.example:8443', roomLink: isByHand ? null : 'https://workshop.example:8443/#/federation/room-Yp7Qd2vK0sTgB4nXeR1uLw', roomQr: isByHand ? null : fakeQr(), fingerprint: '4F:1A:9C:22:B0:7E:55:D3:8A:61:0C:F4:3B:97:E8:2D:16:AA:5D:C9:70:3E:84:F1:B2:6C:0D:98:E5:47:1F:3A' };
  });
}

/** Squares that look like a code and are none. */
function fakeQr(): string {
  const side = 33;
  const dots = Array.from({ length: side * side }, (_, at) => ((at * 7919 + (at >> 3) * 104_729) % 97 < 47 ? `M${at % side} ${Math.floor(at / side)}h1v1h-1z` : '')).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 ${side + 4} ${side + 4}"><rect x="-2" y="-2" width="${side + 4}" height="${side + 4}" fill="#fff"/><path d="${dots}" fill="#000"/></svg>`;
}
