import type { Engine, EngineInput, ExampleGradients, SummedGradient, UnitBatch, UnitGrid, UnitSum } from '../engine/engine.ts';
import { parameterLayout, type AdapterConfig, type ParameterLayout } from '../engine/parameters.ts';

/**
 * An engine that outlives its device: where `isLost` knows an error as the loss of the device, `rebuild` makes another engine
 * (on the same backend or a lesser one), configuration and parameters are installed again, and the call is repeated.
 * A call is a function of its arguments and of what was installed, so repeating it changes nothing but the device.
 */
export class ResilientEngine implements Engine {
  #engine: Engine;
  #adapter: AdapterConfig | null = null;
  #theta: Float32Array | null = null;
  readonly #isLost: (error: unknown) => boolean;
  readonly #rebuild: (error: unknown, losses: number) => Promise<Engine>;
  #losses = 0;
  /** The loss that a call without an answer came upon: the engine in hand lacks what was installed since. */
  #met: { readonly error: unknown } | null = null;

  constructor(engine: Engine, isLost: (error: unknown) => boolean, rebuild: (error: unknown, losses: number) => Promise<Engine>) {
    this.#engine = engine;
    this.#isLost = isLost;
    this.#rebuild = rebuild;
  }

  get backend() {
    return this.#engine.backend;
  }
  get device() {
    return this.#engine.device;
  }
  get shape() {
    return this.#engine.shape;
  }
  /** Devices lost so far. */
  get losses(): number {
    return this.#losses;
  }

  configure(adapter: AdapterConfig): ParameterLayout {
    this.#adapter = adapter;
    this.#theta = null;
    this.#unlessLost(() => this.#engine.configure(adapter));
    return parameterLayout(this.shape, adapter);
  }

  /** What is installed, so that a caller can put it back after a use in between. */
  get installed(): { readonly adapter: AdapterConfig | null; readonly theta: Float32Array | null } {
    return { adapter: this.#adapter, theta: this.#theta };
  }

  setParameters(theta: Float32Array): void {
    // A copy: the caller may go on to change its own, and a rebuilt engine must get what was installed.
    this.#theta = theta.slice();
    this.#unlessLost(() => this.#engine.setParameters(theta));
  }

  /** Of the weights alone: no device is asked. */
  initialParameters(adapter: AdapterConfig): Float32Array {
    return this.#engine.initialParameters(adapter);
  }

  encode(...args: Parameters<Engine['encode']>): Promise<Float32Array> {
    return this.#repeatingOnLoss((engine) => engine.encode(...args));
  }
  hidden(input: Parameters<Engine['hidden']>[0], layer: number): Promise<Float32Array> {
    return this.#repeatingOnLoss((engine) => engine.hidden(input, layer));
  }
  logits(input: EngineInput): Promise<Float32Array> {
    return this.#repeatingOnLoss((engine) => engine.logits(input));
  }
  gradients(input: EngineInput, labels: Int32Array): Promise<ExampleGradients> {
    return this.#repeatingOnLoss((engine) => engine.gradients(input, labels));
  }
  summedGradient(input: EngineInput, labels: Int32Array): Promise<SummedGradient> {
    return this.#repeatingOnLoss((engine) => engine.summedGradient(input, labels));
  }
  clippedSum(batches: () => AsyncIterable<UnitBatch>, grid: UnitGrid): Promise<UnitSum> {
    return this.#repeatingOnLoss((engine) => engine.clippedSum(batches, grid));
  }

  dispose(): void {
    this.#engine.dispose();
  }

  async #repeatingOnLoss<Result>(call: (engine: Engine) => Promise<Result>): Promise<Result> {
    for (;;) {
      const engine = this.#engine;
      try {
        if (this.#met) throw this.#met.error;
        return await call(engine);
      } catch (error) {
        // Making the batches of a clipped sum may itself have met the loss, and replaced the engine: what the old one says then counts for nothing.
        if (this.#engine !== engine) continue;
        if (!this.#isLost(error)) throw error;
        await this.#replace(engine, error);
      }
    }
  }

  /** A call without an answer may fail on a lost device: the next call that has one installs everything anew. */
  #unlessLost(call: () => void): void {
    // An engine that lacks one installation would complain of the next.
    if (this.#met) return;
    try {
      call();
    } catch (error) {
      if (!this.#isLost(error)) throw error;
      this.#met = { error };
    }
  }

  async #replace(lost: Engine, error: unknown): Promise<void> {
    // Throws where no other engine can be made, which ends the loop above.
    const engine = await this.#rebuild(error, ++this.#losses);
    try {
      lost.dispose();
    } catch {
      // What is lost has nothing left to give back.
    }
    this.#engine = engine;
    this.#met = null;
    // Lost as soon as it was there, it is replaced by the next turn of the loop above.
    const [adapter, theta] = [this.#adapter, this.#theta];
    if (adapter) this.#unlessLost(() => engine.configure(adapter));
    if (theta) this.#unlessLost(() => engine.setParameters(theta));
  }
}
