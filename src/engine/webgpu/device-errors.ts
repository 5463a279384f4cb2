import { BedsideError } from '../../ground/errors.ts';

/** The browser offers no WebGPU at all. */
export function noWebGpu(): BedsideError {
  return new BedsideError('device/no-webgpu', 'device', 'This browser offers no WebGPU here.', 'Use the WebAssembly engine, or open the page over https in a browser with WebGPU.');
}

/** WebGPU is there, but no graphics adapter answers. */
export function noAdapter(): BedsideError {
  return new BedsideError('device/no-adapter', 'device', 'WebGPU found no graphics adapter.', 'Use the WebAssembly engine, or switch on hardware acceleration in the browser settings.');
}

/** `reason` is WebGPU's own: `destroyed` or `unknown`. */
export function deviceLost(reason: string): BedsideError {
  return new BedsideError('device/lost', 'device', `The graphics device was lost (${reason}).`, 'Start a new device; training goes on from the last checkpoint.', { reason });
}

export function deviceOutOfMemory(): BedsideError {
  return new BedsideError('device/out-of-memory', 'device', 'The graphics device ran out of memory.', 'Choose smaller batches or a smaller model, or use the WebAssembly engine.');
}

/** `detail` is the validation message of the browser; it speaks of shaders and sizes only. */
export function deviceFault(detail: string): BedsideError {
  return new BedsideError('device/fault', 'device', `The graphics device refused a command: ${detail.slice(0, 600)}`, 'Use the WebAssembly engine, and report this message.', { detail: detail.slice(0, 600) });
}

export function bufferTooLarge(sizeBytes: number, limitBytes: number): BedsideError {
  return new BedsideError('device/buffer-too-large', 'device', `A buffer of ${sizeBytes} bytes was asked for; the graphics device takes at most ${limitBytes}.`, 'Choose smaller batches or a smaller model.', { sizeBytes, limitBytes });
}

/** WGSL reads four numbers at a time, so the widths must be multiples of four. */
export function unsupportedWidth(name: string, found: number): BedsideError {
  return new BedsideError('device/unsupported-width', 'model', `The WebGPU engine needs a ${name} that is a multiple of 4, found ${found}.`, 'Use the WebAssembly engine for this model.', { name, found });
}
