import { expect, it } from 'vitest';
import { BedsideError } from '../ground/errors.ts';
import { reopenBackend } from './device-loss.ts';

it('is told where WASM itself has failed, after the second loss: nothing lesser could take over, and the same would fail again', async () => {
  for (const code of ['device/out-of-memory', 'device/lost']) {
    const error = new BedsideError(code, 'device', 'The device is gone.', 'Resume.');
    await expect(reopenBackend(error, 3)).rejects.toBe(error);
  }
});
