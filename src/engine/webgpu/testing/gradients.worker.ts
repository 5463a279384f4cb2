import { errorToPlain, type PlainError } from '../../../ground/errors.ts';
import type { ExampleGradients } from '../../engine.ts';
import { acquireGpuDevice } from '../device.ts';
import { createWebGpuOperations } from '../webgpu-operations.ts';
import { batch, labels, smallEngine } from './small-engine.ts';

export type WorkerAnswer = ExampleGradients | PlainError;

async function answer(): Promise<WorkerAnswer> {
  try {
    const device = await acquireGpuDevice();
    const gradients = await smallEngine(createWebGpuOperations(device)).gradients(batch, labels);
    device.destroy();
    return gradients;
  } catch (error) {
    return errorToPlain(error);
  }
}

self.postMessage(await answer());
