import { isDeviceGone } from '../engine/device-gone.ts';
import type { Engine } from '../engine/engine.ts';
import type { Backend, Thoroughness } from './backend.ts';
import { agreeingEngine, chooseBackend, replaceBackend, type AgreeingEngine, type ChosenBackend, type Opening } from './device.ts';
import type { TrainerModel } from './encoder.ts';
import { ResilientEngine } from './resilient-engine.ts';

/** After the second loss it is WASM that fails, and nothing lesser could take over: opened again, it would fail again, without end. */
const mostLosses = 2;

/** A trainer's device over its life: opened, held to its checks, and replaced by another that is held to them as well where it is lost. */
export class TrainerDevice {
  #chosen: ChosenBackend;
  readonly #opening: Opening;
  /** Whether nobody else has checked it: it is then held to the model's known answers as well. */
  readonly #isFirst: boolean;
  readonly #onReplaced: () => void;

  private constructor(chosen: ChosenBackend, opening: Opening, isFirst: boolean, onReplaced: () => void) {
    this.#chosen = chosen;
    this.#opening = opening;
    this.#isFirst = isFirst;
    this.#onReplaced = onReplaced;
  }

  static async open(opening: Opening, thoroughness: Thoroughness, onReplaced: () => void): Promise<TrainerDevice> {
    return new TrainerDevice(await chooseBackend(opening, thoroughness), opening, true, onReplaced);
  }

  /** On a backend that another trainer of the same machine has checked. */
  static takeOver(backend: Backend, opening: Opening, onReplaced: () => void): TrainerDevice {
    return new TrainerDevice({ backend, reason: 'chosen', mismatch: null, checks: [] }, opening, false, onReplaced);
  }

  /** What is used now, and how it was found to be right. */
  get chosen(): ChosenBackend {
    return this.#chosen;
  }

  get backend(): Backend {
    return this.#chosen.backend;
  }

  /** An engine that outlives its devices. `open` makes one on a backend. */
  async engine(model: TrainerModel, open: (backend: Backend) => Promise<Engine>): Promise<ResilientEngine> {
    const agreeing = (chosen: ChosenBackend, mayComeBack: boolean) => agreeingEngine(chosen, model, open, this.#opening, mayComeBack);
    const first = this.#isFirst ? this.#take(await agreeing(this.#chosen, true)) : await open(this.backend);
    return new ResilientEngine(first, isDeviceGone, async (error, losses) => {
      if (losses > mostLosses) throw error;
      const engine = this.#take(await agreeing(await replaceBackend(this.#chosen, error, this.#opening, losses === 1), false));
      this.#onReplaced();
      return engine;
    });
  }

  #take({ chosen, engine }: AgreeingEngine): Engine {
    this.#chosen = chosen;
    return engine;
  }
}
