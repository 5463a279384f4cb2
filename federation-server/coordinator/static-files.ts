import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { contentSecurityPolicy } from '../../scripts/vite-offline.mjs';
import { commonHeaders } from './http-body.ts';
import { Refusal } from './refusal.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm', '.woff2': 'font/woff2', '.png': 'image/png', '.ico': 'image/x-icon', '.txt': 'text/plain; charset=utf-8', '.md': 'text/plain; charset=utf-8',
};

/** Serves the built app. The policy of the page is sent as a header too, where it can also forbid frames. */
export class StaticFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  /** @throws Refusal. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal('wrong-method');
    const path = this.#pathOf(request.url ?? '');
    const found = path === null ? null : await stat(path).catch(() => null);
    if (path === null || found === null || !found.isFile()) throw new Refusal('no-such-path');
    const tag = `"${found.size.toString(36)}-${Math.round(found.mtimeMs).toString(36)}"`;
    const headers = {
      ...commonHeaders,
      'content-security-policy': `${contentSecurityPolicy}; frame-ancestors 'none'`,
      // Names of built assets hold a hash of their content; everything else is asked for again.
      'cache-control': path.startsWith(join(this.#folder, 'assets') + sep) ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: tag,
    };
    if (request.headers['if-none-match'] === tag) {
      response.writeHead(304, headers).end();
      return;
    }
    response.writeHead(200, { ...headers, 'content-type': types[extname(path)] ?? 'application/octet-stream', 'content-length': found.size });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    // Where the reader goes away in the middle there is nobody left to tell.
    await pipeline(createReadStream(path), response).catch(() => response.destroy());
  }

  /** Null for anything that does not lie in the folder, or hides in it. */
  #pathOf(url: string): string | null {
    let path: string;
    try {
      path = decodeURIComponent(url.split(/[?#]/)[0]!);
    } catch {
      return null;
    }
    const parts = path.split('/').slice(1);
    if (!path.startsWith('/') || /[\\\0]/.test(path) || parts.some((part) => part.startsWith('.'))) return null;
    const file = join(this.#folder, ...parts, path.endsWith('/') ? 'index.html' : '');
    return file.startsWith(this.#folder + sep) ? file : null;
  }
}
