import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the committed kernels are what the AssemblyScript sources give, byte for byte', async () => {
  const script = new URL('../../../scripts/build-wasm.mjs', import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(script), '--check']);
  expect(stdout).toContain('Both files are byte for byte what the sources give.');
});
