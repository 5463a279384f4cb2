import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { BedsideError, errorToPlain, plainToError, type PlainError } from '../ground/errors.ts';
import type { BertShape } from '../engine/model/weights.ts';
import type { FeatureSettings, Trainer } from '../training/trainer.ts';

type Method = Exclude<keyof Trainer, 'device' | 'shape' | 'prepareFeatures'>;

/** One call of a trainer in a worker thread; the answer comes over `port`. */
export type TrainerCall =
  | { [Name in Method]: { readonly method: Name; readonly args: Parameters<Trainer[Name]>; readonly port: MessagePort } }[Method]
  | { readonly method: 'prepareFeatures'; readonly args: readonly [FeatureSettings]; readonly port: MessagePort }
  | { readonly method: 'describe'; readonly args: readonly []; readonly port: MessagePort };

export type TrainerAnswer<Result> =
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'error'; readonly error: PlainError }
  | { readonly kind: 'rows'; readonly done: number };

export interface TrainerDescription {
  readonly device: string;
  readonly shape: BertShape;
}

/** Runs one call on a trainer of this thread. */
function perform(trainer: Trainer, call: TrainerCall): Promise<unknown> {
  switch (call.method) {
    case 'describe':
      return Promise.resolve({ device: trainer.device, shape: trainer.shape } satisfies TrainerDescription);
    case 'prepareFeatures':
      return trainer.prepareFeatures(call.args[0], (done) => call.port.postMessage({ kind: 'rows', done } satisfies TrainerAnswer<never>));
    case 'assign':
      return trainer.assign(...call.args);
    case 'assignHeldOut':
      return trainer.assignHeldOut(...call.args);
    case 'encode':
      return trainer.encode(...call.args);
    case 'featureSum':
      return trainer.featureSum();
    case 'labelCounts':
      return trainer.labelCounts(...call.args);
    case 'centreFeatures':
      return trainer.centreFeatures(...call.args);
    case 'headGradientSum':
      return trainer.headGradientSum(...call.args);
    case 'plainHeadGradientSum':
      return trainer.plainHeadGradientSum(...call.args);
    case 'scoreHead':
      return trainer.scoreHead(...call.args);
    case 'initialParameters':
      return trainer.initialParameters(...call.args);
    case 'configure':
      return trainer.configure(...call.args);
    case 'loraGradientSum':
      return trainer.loraGradientSum(...call.args);
    case 'plainLoraGradientSum':
      return trainer.plainLoraGradientSum(...call.args);
    case 'scoreLora':
      return trainer.scoreLora(...call.args);
  }
}

/** Answers one call, whatever happens. */
export async function answerCall(trainer: Trainer, call: TrainerCall): Promise<void> {
  let answer: TrainerAnswer<unknown>;
  try {
    answer = { kind: 'result', result: await perform(trainer, call) };
  } catch (error) {
    answer = { kind: 'error', error: errorToPlain(error) };
  }
  call.port.postMessage(answer);
  call.port.close();
}

function workerEnded(): BedsideError {
  return new BedsideError('device/worker-died', 'device', 'A worker thread ended before it answered.', 'Run the command again; if memory is short, set BEDSIDE_WORKERS=1.');
}

/** The trainer of a worker thread that runs `trainer.worker.ts`; every call rejects once the thread is gone. */
export async function connectWorkerTrainer(worker: Worker): Promise<Trainer> {
  let fail: (error: Error) => void = () => undefined;
  const death = new Promise<never>((_, reject) => (fail = reject));
  death.catch(() => undefined);
  worker.once('error', fail);
  worker.once('exit', () => fail(workerEnded()));

  function ask<Result>(call: Omit<TrainerCall, 'port'>, onRows?: (done: number) => void): Promise<Result> {
    const { port1, port2 } = new MessageChannel();
    const answered = new Promise<Result>((resolve, reject) => {
      port1.on('message', (answer: TrainerAnswer<Result>) => {
        if (answer.kind === 'rows') onRows?.(answer.done);
        else if (answer.kind === 'result') resolve(answer.result);
        else reject(plainToError(answer.error));
      });
    });
    worker.postMessage({ ...call, port: port2 }, [port2]);
    return Promise.race([answered, death]).finally(() => port1.close());
  }

  const { device, shape } = await ask<TrainerDescription>({ method: 'describe', args: [] });
  return {
    device,
    shape,
    assign: (...args) => ask({ method: 'assign', args }),
    assignHeldOut: (...args) => ask({ method: 'assignHeldOut', args }),
    prepareFeatures: (features, onRows) => ask({ method: 'prepareFeatures', args: [features] }, onRows),
    encode: (...args) => ask({ method: 'encode', args }),
    featureSum: () => ask({ method: 'featureSum', args: [] }),
    labelCounts: (...args) => ask({ method: 'labelCounts', args }),
    centreFeatures: (...args) => ask({ method: 'centreFeatures', args }),
    headGradientSum: (...args) => ask({ method: 'headGradientSum', args }),
    plainHeadGradientSum: (...args) => ask({ method: 'plainHeadGradientSum', args }),
    scoreHead: (...args) => ask({ method: 'scoreHead', args }),
    initialParameters: (...args) => ask({ method: 'initialParameters', args }),
    configure: (...args) => ask({ method: 'configure', args }),
    loraGradientSum: (...args) => ask({ method: 'loraGradientSum', args }),
    plainLoraGradientSum: (...args) => ask({ method: 'plainLoraGradientSum', args }),
    scoreLora: (...args) => ask({ method: 'scoreLora', args }),
  };
}
