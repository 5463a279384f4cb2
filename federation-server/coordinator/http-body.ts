import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from './refusal.ts';

/** What is still read, and thrown away, of a body that was refused, so that its sender hears why instead of a broken pipe. */
const LINGER_BYTES = 8 * 1024 * 1024;
const LINGER_MS = 2000;

/** Headers of everything that is served. */
export const commonHeaders = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin' } as const;

/** Length and kind of a body, before any of it is read. @throws Refusal. */
export function checkBody(request: IncomingMessage, contentType: string, maximumBytes: number): void {
  if (request.headers['content-type'] !== contentType) throw new Refusal('wrong-type');
  const length = request.headers['content-length'];
  if (request.headers['transfer-encoding'] !== undefined || length === undefined || !/^\d{1,12}$/.test(length)) throw new Refusal('no-length');
  if (Number(length) > maximumBytes) throw new Refusal('too-large');
}

/** The whole body; `checkBody` has bounded it. Rejects where the sender goes away. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** A JSON object of texts. @throws Refusal `malformed`. */
export function textsIn<Name extends string>(body: Buffer, names: readonly Name[]): Readonly<Record<Name, string>> {
  const fields = fieldsIn(body);
  return Object.fromEntries(names.map((name) => [name, textOf(fields.get(name))])) as Record<Name, string>;
}

/** A JSON object with a text under one of these names, and nothing under the others. @throws Refusal `malformed`. */
export function oneIn<Name extends string>(body: Buffer, names: readonly Name[]): readonly [name: Name, text: string] {
  const fields = fieldsIn(body);
  const given = names.filter((name) => fields.has(name));
  if (given.length !== 1) throw new Refusal('malformed');
  return [given[0]!, textOf(fields.get(given[0]!))];
}

function fieldsIn(body: Buffer): ReadonlyMap<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refusal('malformed');
  }
  if (typeof value !== 'object' || value === null) throw new Refusal('malformed');
  return new Map<string, unknown>(Object.entries(value));
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' || value.length > 200) throw new Refusal('malformed');
  return value;
}

export function sendJson(response: ServerResponse, value: unknown): void {
  sendJsonBytes(response, Buffer.from(JSON.stringify(value)));
}

export function sendJsonBytes(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { ...commonHeaders, 'content-type': 'application/json', 'content-length': body.length, 'cache-control': 'no-store' });
  response.end(body);
}

/** Answers a refusal. The connection ends: what follows of its body is not a request. */
export function sendRefusal(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify({ reason: refusal.reason, detail: refusal.message }));
  response.writeHead(refusal.status, { ...commonHeaders, 'content-type': 'application/json', 'content-length': body.length, 'cache-control': 'no-store', connection: 'close' });
  response.write(body);
  if (request.complete || request.destroyed) {
    response.end();
    return;
  }
  // Ended only now: with unread bytes in its buffer the system would reset the connection, and the answer be lost on the way.
  let left = LINGER_BYTES;
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(() => response.destroy(), LINGER_MS);
  request.on('data', (part: Buffer) => {
    left -= part.length;
    if (left < 0) response.destroy();
  });
  request.once('end', end).once('error', end).once('close', end);
  request.resume();
}
