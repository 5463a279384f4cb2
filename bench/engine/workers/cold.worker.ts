/** From a worker that starts to the first embedding, through the app's own code: model from Cache Storage, checked by its hash, kernels, weights onto the device. */
import { expose } from 'comlink';
import { openWasm, openWebGpu } from '../../../src/shell/backend.ts';
import { defaultEncoderName } from '../../../src/shell/encoder-source.ts';
import { loadEncoder, loadEncoderWeights } from '../../../src/shell/encoder.ts';
import { tokenBatch } from '../../../src/training/row-batches.ts';
import type { BenchWorker, WorkerOptions } from '../page/contract.ts';

let options: WorkerOptions | null = null;
const note = 'Seen with daughter. Short of breath on the stairs, ankles swollen, sleeping on three pillows.';

const worker: BenchWorker = {
  async open(wanted) {
    options = wanted;
    return wanted.backend;
  },
  async measure() {
    if (!options) throw new Error('Open the worker first.');
    const source = { name: defaultEncoderName, folder: new URL('/models/all-MiniLM-L6-v2/', location.href).href };
    const [{ tokenizer }, weights, backend] = await Promise.all([loadEncoder(source, () => undefined), loadEncoderWeights(source), options.backend === 'wasm' ? openWasm() : openWebGpu()]);
    const engine = await backend.engine(weights);
    const values = await engine.encode(tokenBatch([tokenizer.encode(note, 128).ids]), [weights.shape.layers]);
    return { elapsedMs: performance.now(), values, counts: {} };
  },
};

expose(worker);
