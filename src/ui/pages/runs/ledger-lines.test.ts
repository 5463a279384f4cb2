import { describe, expect, it } from 'vitest';
import { federationRunId } from '../../../shell/federation-source.ts';
import { isFederationRun } from './ledger-lines.ts';

describe('a line of the ledger', () => {
  it('is known as one of a federation by the id that the shell makes', () => {
    expect(isFederationRun(federationRunId('a'.repeat(64)))).toBe(true);
    expect(isFederationRun('3f2c8a54-7c8e-4f0e-9a60-6ad9d0b5a7e1')).toBe(false);
  });
});
