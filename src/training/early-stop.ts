import { checkInteger } from '../ground/check.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { EarlyStop } from './plan.ts';

interface Best {
  readonly theta: Float32Array;
  readonly step: number;
  readonly lossNats: number;
}

/** Watches the held-out loss of a plain run: remembers the parameters of the least, and says when to end (Prechelt 1998, "Early stopping - but when?", criterion UP). */
export class LossWatch {
  readonly #patience: number;
  #best: Best | null = null;
  #looksSince = 0;

  /** Takes over what an interrupted run remembered. */
  constructor({ patience }: EarlyStop, from: Checkpoint | null) {
    checkInteger('looks without gain', patience, 1);
    this.#patience = patience;
    const [theta, step, lossNats] = [from?.tensors['best'], from?.counts['bestStep'], from?.counts['bestLossNats']];
    if (theta && step !== undefined && lossNats !== undefined) this.#best = { theta, step, lossNats };
    this.#looksSince = from?.counts['looksSinceBest'] ?? 0;
  }

  get best(): Best | null {
    return this.#best;
  }

  /** Takes what training starts from, where its loss is known: so long as no look is better, that is kept. */
  start(lossNats: number, theta: Float32Array): void {
    if (!this.#best && !Number.isNaN(lossNats)) this.#best = { theta: theta.slice(), step: 0, lossNats };
  }

  /** Takes one look; true where the run is to end. */
  isOver(step: number, lossNats: number, theta: Float32Array): boolean {
    if (this.#best && !(lossNats < this.#best.lossNats)) return ++this.#looksSince >= this.#patience;
    this.#best = { theta: theta.slice(), step, lossNats };
    this.#looksSince = 0;
    return false;
  }

  /** What a checkpoint has to hold beside the run's own. */
  parts(): { readonly tensors: Checkpoint['tensors']; readonly counts: Checkpoint['counts'] } {
    if (!this.#best) return { tensors: {}, counts: {} };
    return { tensors: { best: this.#best.theta }, counts: { bestStep: this.#best.step, bestLossNats: this.#best.lossNats, looksSinceBest: this.#looksSince } };
  }
}
