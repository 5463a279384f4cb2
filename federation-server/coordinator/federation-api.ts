import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Departures } from './departures.ts';
import { checkBody, commonHeaders, oneIn, readBody, sendJson, sendJsonBytes, textsIn } from './http-body.ts';
import { svgQr, type InvitationLinks } from './invitation-links.ts';
import type { PolicyLog } from './policy-log.ts';
import { RecentAnswer } from './recent-answer.ts';
import { Refusal } from './refusal.ts';
import type { FederationStatus } from '../../src/federation/status.ts';
import { readRelease, readReleases } from './releases-file.ts';
import type { Seats } from './seats.ts';
import { namedKey, type NamedKey, type SignatureCheck } from './signed-caller.ts';
import type { TokenBuckets } from './token-bucket.ts';

const JSON_TYPE = 'application/json';
const LONGEST_BODY = 4096;

export interface ApiParts {
  /** The task file's bytes, as everybody hashes them. */
  readonly taskFile: Buffer;
  readonly taskHash: string;
  readonly outFolder: string;
  readonly seats: Seats;
  readonly links: InvitationLinks;
  /** Whether the room's link deals out seats. */
  readonly isDealing: boolean;
  /** SHA-256 of the certificate, for people to compare; null where it is not self-signed. */
  readonly fingerprint: string | null;
  readonly status: () => Promise<FederationStatus>;
  readonly signatures: SignatureCheck;
  /**
   * In memory alone, since behind one router or proxy all have one address. By address: of GETs that are answered anew, or are refused, and of POSTs that have no
   * secret of this federation, and so may guess at one. By key: of calls that a member has signed; by invitation: of those that ask for its seat.
   */
  readonly rates: { readonly get: TokenBuckets; readonly post: TokenBuckets; readonly member: TokenBuckets };
  readonly log: PolicyLog;
  readonly onHeard: (keyHash: string) => void;
  readonly departures: Departures;
  readonly nowMs: () => number;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Everything under `/federation/`; README.md of federation-server describes each. */
export class FederationApi {
  readonly #parts: ApiParts;
  readonly #handlers: ReadonlyMap<string, readonly [method: string, handle: Handler]>;

  constructor(parts: ApiParts) {
    this.#parts = parts;
    const status = new RecentAnswer(() => parts.status(), parts.nowMs);
    const releases = new RecentAnswer(async () => ({ releases: await readReleases(parts.outFolder) }), parts.nowMs);
    this.#handlers = new Map<string, readonly [string, Handler]>([
      ['task', ['GET', async (_, response) => sendJsonBytes(response, parts.taskFile)]],
      ['status', ['GET', (request, response) => this.#open(status, request, response)]],
      ['releases', ['GET', (request, response) => this.#open(releases, request, response)]],
      ['model', ['GET', (request, response) => this.#model(request, response)]],
      ['enrol', ['POST', (request, response) => this.#enrol(request, response)]],
      ['leave', ['POST', (request, response) => this.#leave(request, response)]],
      ['deal', ['POST', (request, response) => this.#deal(request, response)]],
      ['projector', ['POST', (request, response) => this.#projector(request, response)]],
    ]);
  }

  /** `name`: what follows `/federation/`, as it was asked for. @throws Refusal. */
  async handle(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [method, handle] = this.#handlers.get(name) ?? [];
    if (handle === undefined) throw new Refusal('no-such-path');
    try {
      if (request.method !== method) throw new Refusal('wrong-method');
      if (method === 'POST') checkBody(request, JSON_TYPE, LONGEST_BODY);
      await handle(request, response);
    } catch (error) {
      if (error instanceof Refusal) this.#parts.log.refused(error.reason, name, null);
      throw error;
    }
  }

  #takeOfAddress(request: IncomingMessage): void {
    if (!this.#hasCalls(request)) throw new Refusal('too-fast');
  }

  #hasCalls({ method, socket }: IncomingMessage): boolean {
    const { get, post } = this.#parts.rates;
    return (method === 'POST' ? post : get).take(socket.remoteAddress ?? '');
  }

  /** What is open to everybody is refused to nobody: an address whose calls are used up, by whomever, gets what was said within the last second. */
  async #open(answer: RecentAnswer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    sendJsonBytes(response, await (this.#hasCalls(request) ? answer.anew() : answer.recent()));
  }

  /** The newest release, for those who take part. */
  async #model(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { seats, outFolder } = this.#parts;
    await this.#memberBody(request, (keyHash) => seats.checkMember(keyHash));
    const released = (await readReleases(outFolder)).at(-1);
    const file = released === undefined ? null : await readRelease(outFolder, released);
    if (released === undefined || file === null) throw new Refusal('no-model');
    response.writeHead(200, { ...commonHeaders, 'content-type': 'application/octet-stream', 'content-length': file.length, 'cache-control': 'no-store', etag: `"${released.sha256}"` }).end(file);
  }

  /** An invitation and a key's signature for a seat. */
  async #enrol(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { seats, log, onHeard } = this.#parts;
    const body = await this.#knockingBody(request, true);
    const key = namedKey(request.headers);
    this.#checkSignature(key, request, body);
    const { invitation } = textsIn(body, ['invitation']);
    const seat = seats.enrol(invitation, key.keyHash);
    log.event('enrolled', key.keyHash);
    onHeard(key.keyHash);
    sendJson(response, { seat: seat + 1, seats: seats.counts().seats });
  }

  /** A key's own word that it leaves this seat; said again, it is as good. The seat is closed when this is answered, whatever becomes of the SuperLink. */
  async #leave(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { seats, departures } = this.#parts;
    // Who has left may say so again.
    const { keyHash, body } = await this.#memberBody(request, (named) => void seats.seatOf(named));
    const seat = seats.seatOf(keyHash);
    const [kind, named] = oneIn(body, ['seat', 'invitation']);
    if (!isSame(named, kind === 'seat' ? String(seat + 1) : seats.invitation(seat))) throw new Refusal('second-invitation');
    departures.leave(keyHash);
    sendJson(response, { hasLeft: true });
  }

  /** The body of a call that a member has signed, counted for its key; of one that none has, for its address, so that others use up no member's calls. @throws Refusal. */
  async #memberBody(request: IncomingMessage, checkSeat: (keyHash: string) => void): Promise<{ readonly keyHash: string; readonly body: Buffer }> {
    const { key, body } = await this.#member(request, checkSeat).catch((error: unknown) => {
      this.#takeOfAddress(request);
      throw error;
    });
    if (!this.#parts.rates.member.take(key.keyHash)) throw new Refusal('too-fast');
    return { keyHash: key.keyHash, body };
  }

  async #member(request: IncomingMessage, checkSeat: (keyHash: string) => void): Promise<{ readonly key: NamedKey; readonly body: Buffer }> {
    const key = namedKey(request.headers);
    checkSeat(key.keyHash);
    // Of a GET no body is read, whatever its length.
    const body = request.method === 'POST' ? await readBody(request) : Buffer.alloc(0);
    this.#checkSignature(key, request, body);
    return { key, body };
  }

  /** That the key has signed just this call with this body. @throws Refusal. */
  #checkSignature(key: NamedKey, { method, url, headers }: IncomingMessage, body: Buffer): void {
    const { signatures, taskHash } = this.#parts;
    signatures.checkOwnCall(key, headers, { call: `${method} ${url}`, taskHash, body });
  }

  /**
   * The body of somebody who holds a link and no seat. One without a secret of this federation is counted for its address: who guesses keeps nobody out who need not
   * guess. `isCounted`: for its secret where it has one, since a signature has to be checked, which takes a millisecond.
   * @throws Refusal `too-fast`.
   */
  async #knockingBody(request: IncomingMessage, isCounted = false): Promise<Buffer> {
    const body = await readBody(request);
    const secret = this.#secretIn(body);
    if (secret === null) this.#takeOfAddress(request);
    else if (isCounted && !this.#parts.rates.member.take(secret)) throw new Refusal('too-fast');
    return body;
  }

  /** The secret of this federation in a body, and what it is for; null where there is none. */
  #secretIn(body: Buffer): string | null {
    const { seats, links } = this.#parts;
    try {
      const [kind, text] = oneIn(body, ['room', 'invitation', 'projector']);
      const isRight = kind === 'invitation' ? seats.isInvitation(text) : isSame(text, kind === 'room' ? links.roomToken() : links.projectorToken());
      return isRight ? `${kind} ${text}` : null;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  /** A free seat of the room, or which seat an invitation is for: takes none, and asks for no key. */
  async #deal(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { seats, links, isDealing } = this.#parts;
    const [kind, token] = oneIn(await this.#knockingBody(request), ['room', 'invitation']);
    if (kind === 'invitation') return sendJson(response, { seat: seats.look(token) + 1, invitation: token });
    if (!isDealing || !isSame(token, links.roomToken())) throw new Refusal('no-room');
    const { seat, invitation } = seats.deal();
    sendJson(response, { seat: seat + 1, invitation });
  }

  /** What the projector shows beside the status. */
  async #projector(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { links, isDealing, fingerprint } = this.#parts;
    const { projector } = textsIn(await this.#knockingBody(request), ['projector']);
    if (!isSame(projector, links.projectorToken())) throw new Refusal('unknown-invitation');
    sendJson(response, { address: links.origin, roomLink: isDealing ? links.room() : null, roomQr: isDealing ? svgQr(links.room()) : null, fingerprint });
  }
}

/** Compares secrets in a time that tells nothing of where they differ. */
function isSame(asked: string, secret: string): boolean {
  const [a, b] = [asked, secret].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(a, b);
}
