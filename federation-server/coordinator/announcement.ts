import type { Task } from '../../src/federation/task.ts';
import { terminalQr, type InvitationLinks } from './invitation-links.ts';
import type { SeatCounts } from './seats.ts';

export interface Announced {
  readonly task: Task;
  readonly cost: string;
  readonly links: InvitationLinks;
  /** One a seat, where they are handed out one by one; null where a room deals them out. */
  readonly invitations: readonly string[] | null;
  readonly seats: SeatCounts;
  readonly fingerprint: string | null;
  readonly folder: string;
  readonly minClients: number;
}

/** What the terminal says once everything is up. */
export function announcement({ task, cost, links, invitations, seats, fingerprint, folder, minClients }: Announced): string {
  const lines = [
    '',
    `Federation: ${task.name} (${task.coordinator})`,
    `  ${cost}`,
    `  an update is ${task.coordinates} numbers; round 1 begins with ${minClients} devices; ${seats.enrolled} of ${seats.seats} seats are taken`,
    `  address    ${links.origin}/`,
    `  projector  ${links.projector()}  (for the wall: do not send it round, open it yourself)`,
    ...(fingerprint === null ? [] : [`  The certificate is self-signed: browsers warn once. Its SHA-256 is`, `  ${fingerprint}`]),
    `  Everything is kept in ${folder}. Stop with Ctrl+C.`,
    '',
  ];
  if (invitations === null) return [...lines, 'Whoever opens this link takes the next free seat:', links.room(), '', terminalQr(links.room())].join('\n');
  return [...lines, `${invitations.length} invitations, one a device:`, ...invitations.flatMap((link, index) => ['', `${index + 1}  ${link}`, terminalQr(link)])].join('\n');
}
