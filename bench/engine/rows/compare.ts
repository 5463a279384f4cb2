import { isTiming, type Outcome } from '../contenders.ts';
import { milliseconds, times, type RowResult } from './row.ts';

/** A row "ours against a peer": how many times as long the peer takes, by minima. */
export function againstPeer(what: string, ours: Outcome | undefined, peer: Outcome | undefined, goal: number, refusal?: string): RowResult {
  const wanted = `${goal}x faster`;
  if (!isTiming(ours)) return { what, goal: wanted, found: ours ? `ours failed: ${ours.error}` : 'ours was not measured', isMet: null };
  if (!isTiming(peer)) return { what, goal: wanted, found: peer ? `failed: ${peer.error}` : 'not measured', isMet: null };
  const ratio = peer.minimumMs / ours.minimumMs;
  const found = `${times(ratio)} (${milliseconds(ours.minimumMs)} to ${milliseconds(peer.minimumMs)}; medians ${times(peer.medianMs / ours.medianMs)})`;
  return refusal ? { what, goal: wanted, found, isMet: null, note: refusal } : { what, goal: wanted, found, isMet: ratio >= goal };
}

/** A row "this takes at most `goal` times that", by minima. */
export function atMost(what: string, measured: Outcome | undefined, base: Outcome | undefined, goal: number): RowResult {
  const wanted = `${goal.toFixed(2)}x time at most`;
  if (!isTiming(measured) || !isTiming(base)) return { what, goal: wanted, found: 'not measured', isMet: null };
  const ratio = measured.minimumMs / base.minimumMs;
  return { what, goal: wanted, found: `${times(ratio)} (${milliseconds(measured.minimumMs)} to ${milliseconds(base.minimumMs)}; medians ${times(measured.medianMs / base.medianMs)})`, isMet: ratio <= goal };
}
