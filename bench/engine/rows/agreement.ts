import type { Page } from 'playwright';

/** The integer grid of clip norm 1: 2^19 steps. */
const gridScale = 2 ** 19;
/** Float32 sums in another order: measured 1e-6 to 1e-5 on gradients of six layers. */
const roundingError = 2e-5;

/**
 * What a peer's clipped sum may differ from ours, relative: our sum's units are truncated to the grid, by less than a step an entry and so sqrt(P) steps a unit at most,
 * and both round in float32.
 */
export function agreementTolerance(rows: number, parameters: number, norm: number): number {
  return (rows * Math.sqrt(parameters)) / gridScale / norm + roundingError;
}

/** A sentence where the peer's last sum is not ours; a peer that computes something else is no peer. */
export async function disagreement(page: Page, ours: string, peer: string, rows: number): Promise<string | undefined> {
  const { relative, wantedNorm, length } = await page.evaluate(([found, wanted]) => bench.difference(found, wanted), [peer, ours] as const);
  return refusalOf(relative, agreementTolerance(rows, length, wantedNorm));
}

export function refusalOf(relative: number, tolerance: number): string | undefined {
  return relative <= tolerance ? undefined : `no peer: its clipped sum differs by ${relative.toExponential(1)}, ${tolerance.toExponential(1)} allowed`;
}
