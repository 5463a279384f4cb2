import type { Engine, EngineInput, ExampleGradients } from '../engine/engine.ts';
import type { AdapterConfig, ParameterLayout } from '../engine/parameters.ts';

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
  readonly #rebuild: (losses: number) => Promise<Engine>;
  #losses = 0;

  constructor(engine: Engine, isLost: (error: unknown) => boolean, rebuild: (losses: number) => Promise<Engine>) {
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
    return this.#engine.configure(adapter);
  }

  setParameters(theta: Float32Array): void {
    // A copy: the caller may go on to change its own, and a rebuilt engine must get what was installed.
    this.#theta = theta.slice();
    this.#engine.setParameters(theta);
  }

  encode(input: EngineInput, layers: readonly number[]): Promise<Float32Array> {
    return this.#repeatingOnLoss((engine) => engine.encode(input, layers));
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

  dispose(): void {
    this.#engine.dispose();
  }

  async #repeatingOnLoss<Result>(call: (engine: Engine) => Promise<Result>): Promise<Result> {
    for (;;) {
      const engine = this.#engine;
      try {
        return await call(engine);
      } catch (error) {
        if (!this.#isLost(error)) throw error;
        await this.#replace(engine);
      }
    }
  }

  async #replace(lost: Engine): Promise<void> {
    // Throws where no other engine can be made, which ends the loop above.
    const engine = await this.#rebuild(++this.#losses);
    lost.dispose();
    if (this.#adapter) engine.configure(this.#adapter);
    if (this.#theta) engine.setParameters(this.#theta);
    this.#engine = engine;
  }
}
