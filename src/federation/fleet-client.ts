import { BedsideError } from '../ground/errors.ts';
import { releasableBecause, type Releasable } from '../privacy/doors.ts';
import { decode } from './codec/decode.ts';
import { encode } from './codec/encode.ts';
import type { Endpoint } from './endpoints.ts';
import { serverRefused, tooLarge, wrongContentType } from './errors.ts';
import { failureOfStatus, listed, ServerClock, type ListParts, type TransportAnswer } from './exchange.ts';
import { readJsonObject } from './json-body.ts';
import { isoTimestamp } from './server-time.ts';
import { signedHeaders, type SigningKey } from './signing.ts';

export const PROTOBUF = 'application/protobuf';

export interface TransportRequest {
  /** From the origin's root, e.g. `/v1/fleet/pull-messages`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Releasable<Uint8Array<ArrayBuffer>>;
  /** Reading stops here, with `federation/too-large`. */
  readonly maximumAnswerBytes: number;
}

/** Carries one POST. Throws `federation/unreachable` where no answer came. */
export interface Transport {
  post(request: TransportRequest): Promise<TransportAnswer>;
}

export interface FleetParts extends ListParts {
  readonly transport: Transport;
  readonly key: SigningKey;
}

/** Makes signed calls. Keeps nothing but how far the server's clock is from the device's. */
export class FleetClient {
  readonly #parts: FleetParts;
  readonly #serverClock: ServerClock;

  constructor(parts: FleetParts) {
    this.#parts = parts;
    this.#serverClock = new ServerClock(parts.clock);
  }

  /** Now, by the server's clock as far as it is known. */
  nowMs(): number {
    return this.#serverClock.nowMs();
  }

  /**
   * One call. A 401 is taken for a wrong clock once, if the server's `Date` says so, and tried again.
   * @throws `federation/unreachable`, `busy`, `content-type`, `malformed`, `too-large` (worth another try), `not-authorised`, `refused` (not).
   */
  async call<Request extends object, Answer extends object>(endpoint: Endpoint<Request, Answer>, request: Request): Promise<Answer> {
    const body = encode(endpoint.request, request);
    if (body.length > endpoint.maximumRequestBytes) throw tooLarge(`bytes of ${endpoint.name}`, endpoint.maximumRequestBytes, body.length);
    let answer = await this.#send(endpoint, body);
    if (answer.status === 401 && this.#serverClock.set(answer.date)) answer = await this.#send(endpoint, body);
    if (answer.status !== 200) throw refusalOf(endpoint.name, answer);
    if (answer.body.length > 0 && answer.contentType.split(';')[0]!.trim().toLowerCase() !== PROTOBUF) throw wrongContentType(endpoint.name, answer.contentType.slice(0, 80));
    return decode(endpoint.answer, answer.body, endpoint.maximumAnswerBytes);
  }

  async #send(endpoint: Pick<Endpoint<never, never>, 'name' | 'maximumAnswerBytes' | 'reason'>, body: Uint8Array<ArrayBuffer>): Promise<TransportAnswer> {
    const { transport, key } = this.#parts;
    const headers = { 'content-type': PROTOBUF, accept: PROTOBUF, ...(await signedHeaders(key, isoTimestamp(this.nowMs()))) };
    return listed(endpoint.name, body, this.#parts, () => transport.post({ path: `/v1/fleet/${endpoint.name}`, headers, body: releasableBecause(endpoint.reason, body), maximumAnswerBytes: endpoint.maximumAnswerBytes }));
  }
}

function refusalOf(endpoint: string, { status, contentType, body }: TransportAnswer): BedsideError {
  const failure = failureOfStatus(endpoint, status);
  if (failure !== null) return failure;
  const code = codeOf(body);
  // A page of a proxy, or of a network that wants a sign-in: no word of the federation's, so that no work is dropped and no key destroyed for it.
  return code === null ? wrongContentType(endpoint, contentType.slice(0, 80)) : serverRefused(endpoint, status, code);
}

/** Flower's number in a refusal; 0 where it has none but says why, as the coordinator's own do; null where it is none of either. */
function codeOf(body: Uint8Array): number | null {
  try {
    const { code, detail } = readJsonObject(body, 'a refusal');
    return typeof code === 'number' && Number.isInteger(code) ? code : typeof detail === 'string' ? 0 : null;
  } catch {
    return null;
  }
}

const worthAnotherTry: ReadonlySet<string> = new Set(['federation/unreachable', 'federation/busy', 'federation/content-type', 'federation/malformed', 'federation/too-large']);

/** Whether the same call may go better later. */
export function isPassing(error: unknown): error is BedsideError {
  return error instanceof BedsideError && worthAnotherTry.has(error.code);
}

/** Flower's number where the server refused, else null. */
export function refusalCode(error: unknown): number | null {
  return error instanceof BedsideError && error.code === 'federation/refused' ? Number(error.values['serverCode']) : null;
}
