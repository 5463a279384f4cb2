import { bytesToHex } from '../ground/bytes.ts';
import type { BedsideError } from '../ground/errors.ts';
import { malformed, notAuthorised, serverBusy } from './errors.ts';
import { parseHttpDate } from './server-time.ts';
import type { SentBody } from './sent-body.ts';
import type { Sha256 } from './signing.ts';

export interface TransportAnswer {
  readonly status: number;
  readonly contentType: string;
  /** The `Date` header as it came; empty where there is none. */
  readonly date: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
}

/** What went over the wire in one call, for the list that the person can read. */
export interface Exchange {
  readonly endpoint: string;
  readonly atMs: number;
  readonly status: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** SHA-256 of the body that was sent, hexadecimal. */
  readonly sentHash: string;
}

/** Below this the device's clock is not what the server minds. */
const CLOCK_TOLERANCE_MS = 2000;

/** The server's clock as far as it is known: the device's until an answer says otherwise. */
export class ServerClock implements Clock {
  readonly #device: Clock;
  #aheadMs = 0;

  constructor(device: Clock) {
    this.#device = device;
  }

  nowMs(): number {
    return this.#device.nowMs() + this.#aheadMs;
  }

  /** Sets it by a `Date` header. Whether it is elsewhere than was thought. */
  set(date: string): boolean {
    const serverMs = parseHttpDate(date);
    if (serverMs === null) return false;
    const isNews = Math.abs(serverMs - this.nowMs()) > CLOCK_TOLERANCE_MS;
    if (isNews) this.#aheadMs = serverMs - this.#device.nowMs();
    return isNews;
  }
}

export interface ListParts {
  readonly clock: Clock;
  readonly sha256: Sha256;
  readonly onExchange: (exchange: Exchange) => void;
  /** Writes a body down before it goes: what cannot be listed is not sent. */
  readonly onLeaving?: (body: SentBody) => Promise<void>;
}

/** Lists a call whatever becomes of it: one that failed may have arrived all the same. */
export async function listed(endpoint: string, body: Uint8Array<ArrayBuffer>, { clock, sha256, onExchange, onLeaving }: ListParts, send: () => Promise<TransportAnswer>): Promise<TransportAnswer> {
  const base = { endpoint, atMs: clock.nowMs(), sentBytes: body.length, sentHash: bytesToHex(await sha256(body)) };
  if (body.length > 0) await onLeaving?.({ endpoint, atMs: base.atMs, bytes: body.length, sha256: base.sentHash });
  try {
    const answer = await send();
    onExchange({ ...base, status: answer.status, receivedBytes: answer.body.length });
    return answer;
  } catch (error) {
    onExchange({ ...base, status: 0, receivedBytes: 0 });
    throw error;
  }
}

/** What a status other than 200 means where the body need not be read; null where it says why the call was refused. */
export function failureOfStatus(endpoint: string, status: number): BedsideError | null {
  if (status === 401) return notAuthorised(endpoint);
  if (status === 408 || status === 425 || status === 429 || status >= 500) return serverBusy(endpoint, status);
  return status < 400 ? malformed(`status 200 from ${endpoint}`, `status ${status}`) : null;
}
