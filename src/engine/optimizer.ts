import { checkInteger, checkNonNegative, checkPositive, checkProbability, invariant } from '../ground/check.ts';

/** Moves a flat parameter vector against a gradient. It owns its moments, which can be saved and put back. */
export interface Optimizer {
  /** One step in place. Shapes: theta, gradient [P]. `learningRate` comes from a schedule. */
  step(theta: Float32Array, gradient: Float32Array, learningRate: number): void;
  /** Copies of the moments and the number of steps taken. */
  save(): OptimizerState;
  restore(state: OptimizerState): void;
}

export interface OptimizerState {
  readonly steps: number;
  /** AdamW: first and second moments. SGD: the velocity. Each [P]. */
  readonly moments: readonly Float32Array[];
}

export interface AdamWSettings {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled: theta shrinks by learningRate x weightDecay, whatever the gradient. */
  readonly weightDecay?: number;
}

function createMoments(length: number, count: number) {
  checkInteger('parameters', length, 1);
  const moments = Array.from({ length: count }, () => new Float32Array(length));
  let steps = 0;
  return {
    moments,
    next: () => ++steps,
    save: (): OptimizerState => ({ steps, moments: moments.map((moment) => moment.slice()) }),
    restore(state: OptimizerState) {
      invariant(state.moments.length === count && state.moments.every((moment) => moment.length === length), 'the optimizer state belongs to these parameters');
      steps = state.steps;
      for (const [index, moment] of state.moments.entries()) moments[index]!.set(moment);
    },
  };
}

/**
 * AdamW for `length` parameters: Adam with bias correction and decoupled weight decay, in PyTorch's form.
 * Source: Loshchilov & Hutter, arXiv 1711.05101, algorithm 2; Kingma & Ba, arXiv 1412.6980, algorithm 1.
 */
export function createAdamW(length: number, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 }: AdamWSettings = {}): Optimizer {
  checkProbability('beta1', beta1);
  checkProbability('beta2', beta2);
  checkPositive('epsilon', epsilon);
  checkNonNegative('weight decay', weightDecay);
  const { moments, next, save, restore } = createMoments(length, 2);
  const [first, second] = [moments[0]!, moments[1]!];
  return {
    step(theta, gradient, learningRate) {
      invariant(theta.length === length && gradient.length === length, 'theta and gradient have the parameters of the optimizer');
      const t = next();
      const correction1 = 1 - beta1 ** t;
      const correction2 = 1 - beta2 ** t;
      for (let i = 0; i < length; i++) {
        const g = gradient[i]!;
        const m = beta1 * first[i]! + (1 - beta1) * g;
        const v = beta2 * second[i]! + (1 - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        const update = m / correction1 / (Math.sqrt(v / correction2) + epsilon);
        theta[i] = theta[i]! * (1 - learningRate * weightDecay) - learningRate * update;
      }
    },
    save,
    restore,
  };
}

export interface SgdSettings {
  readonly momentum?: number;
  /** Decoupled, as of AdamW. */
  readonly weightDecay?: number;
}

/**
 * Gradient descent with momentum in PyTorch's form, v = momentum v + g; theta -= learningRate v, and decoupled weight decay.
 * Source: Loshchilov & Hutter, arXiv 1711.05101, algorithm 1.
 */
export function createSgd(length: number, { momentum = 0, weightDecay = 0 }: SgdSettings = {}): Optimizer {
  checkProbability('momentum', momentum);
  checkNonNegative('weight decay', weightDecay);
  const { moments, next, save, restore } = createMoments(length, 1);
  const velocity = moments[0]!;
  return {
    step(theta, gradient, learningRate) {
      invariant(theta.length === length && gradient.length === length, 'theta and gradient have the parameters of the optimizer');
      next();
      for (let i = 0; i < length; i++) {
        const v = momentum * velocity[i]! + gradient[i]!;
        velocity[i] = v;
        theta[i] = theta[i]! * (1 - learningRate * weightDecay) - learningRate * v;
      }
    },
    save,
    restore,
  };
}
