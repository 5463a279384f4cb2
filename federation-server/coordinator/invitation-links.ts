import { renderSVG, renderUnicodeCompact } from 'uqr';
import type { Seats } from './seats.ts';

/** Addresses of pages; what follows `#` never leaves the browser, and so is in no log. */
export class InvitationLinks {
  /** `origin` as participants reach it, without a slash at its end. */
  constructor(
    readonly origin: string,
    private readonly seats: Seats,
  ) {}

  seat(invitation: string): string {
    return `${this.origin}/#/federation/seat-${invitation}`;
  }

  /** One link that deals out seats to whoever opens it. */
  room(): string {
    return `${this.origin}/#/federation/room-${this.roomToken()}`;
  }

  projector(): string {
    return `${this.origin}/#/federation/projector-${this.projectorToken()}`;
  }

  roomToken(): string {
    return this.seats.token('room');
  }

  projectorToken(): string {
    return this.seats.token('projector');
  }
}

export function terminalQr(link: string): string {
  return renderUnicodeCompact(link, { border: 2 });
}

export function svgQr(link: string): string {
  return renderSVG(link, { border: 2, ecc: 'M' });
}
