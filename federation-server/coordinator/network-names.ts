import { hostname, networkInterfaces } from 'node:os';
import { isIP } from 'node:net';

export interface NetworkNames {
  /** What stands in links. */
  readonly shown: string;
  /** What a certificate must name. */
  readonly all: readonly string[];
  /** Where to listen; undefined: everywhere. */
  readonly listen: string | undefined;
}

/** Names and addresses of this machine. An address that is asked for is listened on alone; a name may belong to something in front of us. */
export function networkNames(host: string | null): NetworkNames {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []).filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
  const machine = hostname();
  const names = ['localhost', '127.0.0.1', ...addresses, ...(/^[a-z0-9][a-z0-9.-]*$/i.test(machine) ? [machine] : []), ...(host === null ? [] : [host])];
  return { shown: host ?? addresses[0] ?? '127.0.0.1', all: [...new Set(names)], listen: host !== null && isIP(host) !== 0 ? host : undefined };
}

/** As it stands in an address: IPv6 in brackets. */
export function originOf(host: string, port: number): string {
  return `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
