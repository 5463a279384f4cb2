/** Faults that are planted in a training to see the lab find them. */
import { gradientGrid } from '../../../privacy/clipping.ts';
import type { KeyStream } from '../../../privacy/key-stream.ts';
import type { Trainer } from '../../trainer.ts';

/** A generator that is stuck: all its bits are ones, and the radius of every normal is 0. It draws nobody where units are drawn. */
export const stuckStream: KeyStream = { bytes: (_step, _tensor, byteCount) => Promise.resolve(new Uint8Array(byteCount).fill(0xff)) };

/** Clips while it is checked, and to eight times the norm afterwards, under the bound that was asked for. */
export function clipsLoosely(trainer: Trainer): Trainer {
  return {
    ...trainer,
    async loraGradientSum(theta, units, clipNorm) {
      // The start-up check has its own small clip norm.
      if (clipNorm < 0.3) return trainer.loraGradientSum(theta, units, clipNorm);
      const loose = await trainer.loraGradientSum(theta, units, 8 * clipNorm);
      const grid = gradientGrid(clipNorm);
      return { ...grid, sum: loose.sum.map((value) => Math.round((value * grid.gridScale) / loose.gridScale)), unitCount: loose.unitCount };
    },
  };
}
