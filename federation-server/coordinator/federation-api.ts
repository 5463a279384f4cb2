import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkBody, commonHeaders, readEither, readTexts, sendJson } from './http-body.ts';
import { svgQr, type InvitationLinks } from './invitation-links.ts';
import type { PolicyLog } from './policy-log.ts';
import { Refusal } from './refusal.ts';
import type { FederationStatus } from '../../src/federation/status.ts';
import { readRelease, readReleases } from './releases-file.ts';
import type { Seats } from './seats.ts';
import { namedKey, type SignatureCheck } from './signed-caller.ts';
import type { TokenBuckets } from './token-bucket.ts';

const JSON_TYPE = 'application/json';
const LONGEST_BODY = 4096;

export interface ApiParts {
  /** The task file's bytes, as everybody hashes them. */
  readonly taskFile: Buffer;
  readonly outFolder: string;
  readonly seats: Seats;
  readonly links: InvitationLinks;
  /** Whether the room's link deals out seats. */
  readonly isDealing: boolean;
  /** SHA-256 of the certificate, for people to compare; null where it is not self-signed. */
  readonly fingerprint: string | null;
  readonly status: () => Promise<FederationStatus>;
  readonly signatures: SignatureCheck;
  /** By address, in memory alone: of GETs, and of POSTs, which may guess at secrets. */
  readonly rates: { readonly get: TokenBuckets; readonly post: TokenBuckets };
  readonly log: PolicyLog;
  readonly onHeard: (keyHash: string) => void;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Everything under `/federation/`; README.md of federation-server describes each. */
export class FederationApi {
  readonly #parts: ApiParts;
  readonly #handlers: ReadonlyMap<string, readonly [method: string, handle: Handler]>;

  constructor(parts: ApiParts) {
    this.#parts = parts;
    this.#handlers = new Map<string, readonly [string, Handler]>([
      ['task', ['GET', (_, response) => this.#task(response)]],
      ['status', ['GET', async (_, response) => sendJson(response, await this.#parts.status())]],
      ['releases', ['GET', async (_, response) => sendJson(response, { releases: await readReleases(this.#parts.outFolder) })]],
      ['model', ['GET', (request, response) => this.#model(request, response)]],
      ['enrol', ['POST', (request, response) => this.#enrol(request, response)]],
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
      const { get, post } = this.#parts.rates;
      if (!(method === 'POST' ? post : get).take(request.socket.remoteAddress ?? '')) throw new Refusal('too-fast');
      await handle(request, response);
    } catch (error) {
      if (error instanceof Refusal) this.#parts.log.refused(error.reason, name, null);
      throw error;
    }
  }

  async #task(response: ServerResponse): Promise<void> {
    const { taskFile } = this.#parts;
    response.writeHead(200, { ...commonHeaders, 'content-type': JSON_TYPE, 'content-length': taskFile.length, 'cache-control': 'no-store' }).end(taskFile);
    return Promise.resolve();
  }

  /** The newest release, for those who take part. */
  async #model(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { seats, signatures, outFolder } = this.#parts;
    const key = namedKey(request.headers);
    seats.checkMember(key.keyHash);
    signatures.check(key, request.headers);
    const released = (await readReleases(outFolder)).at(-1);
    const file = released === undefined ? null : await readRelease(outFolder, released);
    if (released === undefined || file === null) throw new Refusal('no-model');
    response.writeHead(200, { ...commonHeaders, 'content-type': 'application/octet-stream', 'content-length': file.length, 'cache-control': 'no-store', etag: `"${released.sha256}"` }).end(file);
  }

  /** An invitation and a key's signature for a seat. */
  async #enrol(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { seats, signatures, log, onHeard } = this.#parts;
    const key = namedKey(request.headers);
    signatures.check(key, request.headers);
    const { invitation } = await readTexts(request, ['invitation']);
    const seat = seats.enrol(invitation, key.keyHash);
    log.event('enrolled', key.keyHash);
    onHeard(key.keyHash);
    sendJson(response, { seat: seat + 1, seats: seats.counts().seats });
  }

  /** A free seat of the room, or which seat an invitation is for: takes none, and asks for no key. */
  async #deal(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { seats, links, isDealing } = this.#parts;
    const [kind, token] = await readEither(request, ['room', 'invitation']);
    if (kind === 'invitation') return sendJson(response, { seat: seats.look(token) + 1, invitation: token });
    if (!isDealing || !isSame(token, links.roomToken())) throw new Refusal('no-room');
    const { seat, invitation } = seats.deal();
    sendJson(response, { seat: seat + 1, invitation });
  }

  /** What the projector shows beside the status. */
  async #projector(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { links, isDealing, fingerprint } = this.#parts;
    const { projector } = await readTexts(request, ['projector']);
    if (!isSame(projector, links.projectorToken())) throw new Refusal('unknown-invitation');
    sendJson(response, { address: links.origin, roomLink: isDealing ? links.room() : null, roomQr: isDealing ? svgQr(links.room()) : null, fingerprint });
  }
}

/** Compares secrets in a time that tells nothing of where they differ. */
function isSame(asked: string, secret: string): boolean {
  const [a, b] = [asked, secret].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(a, b);
}
