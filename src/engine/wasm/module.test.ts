import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { instantiateKernels, multipliesIntegersFaster, supportedBuild } from './module.ts';

const simd = await readFile(new URL('./kernels.simd.wasm', import.meta.url));
const relaxed = await readFile(new URL('./kernels.relaxed.wasm', import.meta.url));

afterEach(() => vi.unstubAllGlobals());

describe('the choice of a build', () => {
  it('agrees with what this machine compiles', () => {
    expect(WebAssembly.validate(simd)).toBe(true);
    expect(supportedBuild()).toBe(WebAssembly.validate(relaxed) ? 'relaxed' : 'simd');
  });

  it('takes integers to be faster where float32 has to multiply and add in two', () => {
    expect(multipliesIntegersFaster('simd')).toBe(true);
  });

  it('loads only the file it uses', async () => {
    const loaders = { simd: vi.fn(() => simd), relaxed: vi.fn(() => relaxed) };
    await instantiateKernels(loaders, 'simd');
    expect(loaders.simd).toHaveBeenCalledTimes(1);
    expect(loaders.relaxed).not.toHaveBeenCalled();
  });

  it('says what to do where there is no SIMD, or no WebAssembly', async () => {
    vi.stubGlobal('WebAssembly', { validate: () => false });
    await expect(instantiateKernels({ simd, relaxed })).rejects.toMatchObject({ code: 'device/no-wasm-simd', family: 'device' });
    vi.stubGlobal('WebAssembly', undefined);
    await expect(instantiateKernels({ simd, relaxed })).rejects.toMatchObject({ code: 'device/no-wasm-simd' });
  });

  it('refuses a file without the kernels', async () => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    await expect(instantiateKernels({ simd: empty, relaxed: empty }, 'simd')).rejects.toMatchObject({ code: 'device/stale-kernels' });
  });
});
