/** For tests: every call that a run awaits of what surrounds it is a numbered point, at which one thing can go wrong. */
import { BedsideError } from '../../ground/errors.ts';
import type { LedgerStore } from '../../privacy/events.ts';

/** What goes wrong at a point, and whether what was asked for has happened by then. */
export const faults = ['fails before', 'fails after', 'fails without words', 'dies before', 'dies after'] as const;
/** What can go wrong where something is written. */
export const writeFaults = ['the disk is full', 'the write is undone', 'the connection is closed'] as const;
/** Nothing goes wrong, and somebody does something at this very moment. */
export const acts = ['stop is asked', 'pause is asked', 'another tab charges'] as const;
export type Act = (typeof acts)[number];
export type Fault = (typeof faults)[number] | (typeof writeFaults)[number] | Act;

/** Stands in errors of the system, which may quote what they failed on; nothing that a person or a log reads may hold it. */
export const secretText = 'Mrs Secret Patient, 4 Hidden Lane';

export interface Point {
  readonly name: string;
  readonly isWrite: boolean;
}

function faultError(name: string): BedsideError {
  return new BedsideError('device/fault', 'device', `The test made "${name}" fail.`, 'Resume.');
}

/** Words of the storage for what the test does to a write. */
const storageErrors: Readonly<Record<(typeof writeFaults)[number], () => BedsideError>> = {
  'the disk is full': () => new BedsideError('storage/quota-exceeded', 'storage', 'The test filled the disk.', 'Resume.'),
  'the write is undone': () => new BedsideError('storage/write-aborted', 'storage', 'The test undid the write.', 'Resume.'),
  'the connection is closed': () => new BedsideError('storage/closed', 'storage', 'The test closed the connection.', 'Reload.'),
};

function isWriteFault(fault: Fault): fault is (typeof writeFaults)[number] {
  return writeFaults.some((one) => one === fault);
}

function isAct(fault: Fault): fault is Act {
  return acts.some((one) => one === fault);
}

/** The points of one life of a run. Once it has died no call of it is ever answered, and none has an effect. */
export class FaultPoints {
  readonly passed: Point[] = [];
  readonly death: Promise<'died'>;
  readonly #faults: ReadonlyMap<number, Fault>;
  readonly #onAct: (act: Act) => Promise<void>;
  #die: (word: 'died') => void = () => undefined;
  #isDead = false;
  #inFlight = 0;

  constructor(at: ReadonlyMap<number, Fault>, onAct: (act: Act) => Promise<void>) {
    this.#faults = at;
    this.#onAct = onAct;
    this.death = new Promise((resolve) => (this.#die = resolve));
  }

  /** Calls that have not been answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** One call that is awaited. */
  async around<Result>(name: string, call: () => Promise<Result>, isWrite = false): Promise<Result> {
    if (this.#isDead) return never();
    const fault = this.#pass({ name, isWrite });
    this.#inFlight++;
    try {
      if (fault !== undefined && isAct(fault)) await this.#onAct(fault);
      this.#throwBefore(name, fault);
      if (fault === 'dies before') this.#end();
      if (this.#isDead) return await never<Result>();
      const result = await call();
      if (fault === 'dies after') this.#end();
      if (this.#isDead) return await never<Result>();
      if (fault === 'fails after') throw faultError(name);
      return result;
    } finally {
      this.#inFlight--;
    }
  }

  /** One call that is answered at once. What dies there gets no further than its next await. */
  aroundNow<Result>(name: string, call: () => Result): Result {
    if (this.#isDead) return call();
    const fault = this.#pass({ name, isWrite: false });
    if (fault !== undefined && isAct(fault)) void this.#onAct(fault);
    this.#throwBefore(name, fault);
    if (fault === 'dies before') this.#end();
    const result = call();
    if (fault === 'dies after') this.#end();
    if (fault === 'fails after') throw faultError(name);
    return result;
  }

  #pass(point: Point): Fault | undefined {
    this.passed.push(point);
    return this.#faults.get(this.passed.length - 1);
  }

  #throwBefore(name: string, fault: Fault | undefined): void {
    if (fault === undefined) return;
    if (fault === 'fails before') throw faultError(name);
    if (fault === 'fails without words') throw new Error(`DataCloneError: ${secretText} could not be cloned`);
    if (isWriteFault(fault)) throw storageErrors[fault]();
  }

  #end(): void {
    this.#isDead = true;
    this.#die('died');
  }
}

function never<Result>(): Promise<Result> {
  return new Promise<Result>(() => undefined);
}

/** A ledger's store whose every read and write is a point. */
export function storeUnder(points: FaultPoints, store: LedgerStore): LedgerStore {
  return {
    read: () => points.around('ledger read', () => store.read()),
    append: (entries, after) => points.around(`ledger written (${entries.at(-1)?.event.kind})`, () => store.append(structuredClone(entries), after), true),
  };
}
