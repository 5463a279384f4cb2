import type { Plan } from '../training/plan.ts';
import type { BedsideDatabase } from './database.ts';
import { isSpeed, type Speed } from './speed.ts';
import { inTransaction } from './transaction.ts';

/** Where a speed was measured: it holds for the same work on the same device alone. */
export interface SpeedPlace {
  readonly encoderSha256: string;
  /** In words, workers included. */
  readonly device: string;
  readonly kind: Plan['kind'];
}

function keyOf({ encoderSha256, device, kind }: SpeedPlace): string {
  return `speed/${encoderSha256}/${device}/${kind}`;
}

/** What the last finished runs there have shown; null where none has finished. */
export async function readLearnedSpeed(database: BedsideDatabase, place: SpeedPlace): Promise<Speed | null> {
  const kept = await inTransaction(database, ['settings'], 'readonly', (transaction) => transaction.objectStore('settings').get(keyOf(place)));
  if (kept === undefined) return null;
  try {
    const speed: unknown = JSON.parse(kept);
    return isSpeed(speed) ? speed : null;
  } catch {
    return null;
  }
}

export async function keepLearnedSpeed(database: BedsideDatabase, place: SpeedPlace, speed: Speed): Promise<void> {
  await inTransaction(database, ['settings'], 'readwrite', (transaction) => transaction.objectStore('settings').put(JSON.stringify(speed), keyOf(place)));
}
