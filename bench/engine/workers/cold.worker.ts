/**
 * From a worker that starts to the first embedding, through the app's own code: model from Cache Storage, checked by its hash, kernels, weights onto the device.
 * `checked` does what a trainer does, in its order: the kernels are held to the reference, the weights loaded, and the model's golden batch computed before any note is.
 */
import { expose } from 'comlink';
import { openWasm, openWebGpu } from '../../../src/shell/backend.ts';
import { agreeingEngine, openingOf } from '../../../src/shell/device.ts';
import { defaultEncoderName } from '../../../src/shell/encoder-source.ts';
import { loadEncoder, loadTrainerModel } from '../../../src/shell/encoder.ts';
import { tokenBatch } from '../../../src/training/row-batches.ts';
import type { BenchWorker, WorkerOptions } from '../page/contract.ts';

let options: WorkerOptions | null = null;
const note = 'Seen with daughter. Short of breath on the stairs, ankles swollen, sleeping on three pillows.';
const rest = () => Promise.resolve();

const worker: BenchWorker = {
  async open(wanted) {
    options = wanted;
    return wanted.backend;
  },
  async measure() {
    if (!options) throw new Error('Open the worker first.');
    const isChecked = options.variant === 'checked';
    const counts: Record<string, number> = {};
    let spentMs = 0;
    /** What comes before the first part is the worker's own start. */
    const done = (part: string) => {
      const now = performance.now();
      counts[part] = now - spentMs;
      spentMs = now;
    };
    done('worker and code');
    const source = { name: defaultEncoderName, folder: new URL('/models/all-MiniLM-L6-v2/', location.href).href };
    const loading = Promise.all([loadEncoder(source, () => undefined), loadTrainerModel(source)]);
    const backend = await (options.backend === 'wasm' ? openWasm() : openWebGpu());
    done('device');
    const checks = isChecked ? await backend.check('start', () => undefined) : [];
    if (checks.some(({ passed }) => !passed)) throw new Error('The kernels do not agree with the reference.');
    if (isChecked) done('kernels checked');
    const [{ tokenizer }, model] = await loading;
    done('model');
    const open = async () => {
      const opened = await backend.engine(model.weights, rest);
      done('weights');
      return opened;
    };
    const engine = isChecked ? (await agreeingEngine({ backend, reason: 'chosen', mismatch: null, checks }, model, open, openingOf(options.backend, () => undefined), false)).engine : await open();
    if (engine.backend !== options.backend) throw new Error('The engine does not give the golden answers.');
    if (isChecked) done('golden batch');
    const values = await engine.encode(tokenBatch([tokenizer.encode(note, 128).ids]), [model.weights.shape.layers]);
    done('note');
    return { elapsedMs: performance.now(), values, counts };
  },
};

expose(worker);
