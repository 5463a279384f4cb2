/** The coordinator's gate before a SuperLink, over plain http on this machine: what every call of a device goes through. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { coordinatorHandler } from '../federation-server/coordinator/coordinator.ts';
import { InvitationLinks } from '../federation-server/coordinator/invitation-links.ts';
import { PolicyLog } from '../federation-server/coordinator/policy-log.ts';
import { serverLimits } from '../federation-server/coordinator/request-handler.ts';
import { Seats } from '../federation-server/coordinator/seats.ts';
import { publicKeyPem, type SigningKey } from '../src/federation/signing.ts';
import type { Task } from '../src/federation/task.ts';

export interface Gate {
  readonly origin: string;
  /** A free seat for a key. */
  seat(key: SigningKey): void;
  /** What was refused, by reason. */
  refused(): Readonly<Record<string, number>>;
  close(): void;
}

export async function startGate({ task, taskFile, upstreamPort, folder, seatCount }: { readonly task: Task; readonly taskFile: Buffer; readonly upstreamPort: number; readonly folder: string; readonly seatCount: number }): Promise<Gate> {
  const seats = new Seats({ version: 1, secret: randomBytes(32).toString('hex'), seats: [] }, seatCount, () => undefined);
  const log = new PolicyLog(() => undefined);
  const coordinator = coordinatorHandler({
    task, taskFile, outFolder: join(folder, 'out'), filesFolder: folder, upstreamPort, minClients: seatCount, isDealing: false, fingerprint: null,
    seats, links: new InvitationLinks('http://127.0.0.1', seats), log, nowMs: Date.now, supervised: () => 'running',
  });
  const server = createServer(serverLimits, coordinator.handle);
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  let taken = 0;
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seat: ({ publicKeySpki }) => void seats.enrol(seats.invitation(taken++), createHash('sha256').update(publicKeyPem(publicKeySpki)).digest('hex')),
    refused: () => log.counts(),
    close: () => {
      coordinator.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
