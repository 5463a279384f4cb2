import type { IncomingMessage, RequestListener, ServerOptions, ServerResponse } from 'node:http';
import type { FederationApi } from './federation-api.ts';
import type { FleetGate } from './fleet-gate.ts';
import { sendRefusal } from './http-body.ts';
import type { PolicyLog } from './policy-log.ts';
import { Refusal } from './refusal.ts';
import type { StaticFiles } from './static-files.ts';

export interface Handlers {
  readonly gate: FleetGate;
  readonly api: FederationApi;
  readonly files: StaticFiles;
  readonly log: PolicyLog;
}

/** Ends whoever sends too slowly or too much of a head. The longest body, 5 MB, has a minute. */
export const serverLimits: ServerOptions = { maxHeaderSize: 8192, headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 30_000 };

/** One origin: the app, the federation's own addresses, and ten calls of the Fleet API. No CORS headers: other pages read nothing. */
export function requestHandler({ gate, api, files, log }: Handlers): RequestListener {
  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = request.url ?? '';
    // Compared as it came: no query, no escapes, no dots.
    const fleet = /^\/v1\/fleet\/([a-z-]{1,40})$/.exec(url)?.[1];
    if (fleet !== undefined) return gate.handle(fleet, request, response);
    const own = /^\/federation\/([a-z]{1,20})$/.exec(url)?.[1];
    if (own !== undefined) return api.handle(own, request, response);
    if (url.startsWith('/v1/') || url.startsWith('/federation/')) {
      log.refused('no-such-path', 'another path', null);
      throw new Refusal('no-such-path');
    }
    return files.handle(request, response);
  };
  return (request, response) => {
    request.on('error', () => undefined);
    route(request, response).catch((error: unknown) => {
      if (error instanceof Refusal) return sendRefusal(request, response, error);
      // The caller went away in the middle of its body: nobody is left to answer.
      if (!request.destroyed) log.fault(error);
      response.destroy();
    });
  };
}
