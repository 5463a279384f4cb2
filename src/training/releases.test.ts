import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const source = join(import.meta.dirname, '..');

/** Every place that lets a value out, by file and reason. A new one is a decision: it belongs here with why it may. */
const allowed: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // The noisy held-out accuracy, after its charge.
  'training/charged-validation.ts': { charged: 1 },
  // The noisy gradient of a federation's round, after its charge.
  'training/federated-update.ts': { charged: 1 },
  // Parameters of private runs; label sentences.
  'training/export-model.ts': { charged: 1, public: 1 },
  // Stored releases of a finished run; a plain model that its owner asks to save, after the page has said what it is, and the energy of its run.
  'shell/exported-model.ts': { public: 7, charged: 1, 'owner removed the mark': 2 },
  // The made-up update of tests of the federation's node.
  'federation/testing/node-scene.ts': { charged: 1 },
  // The card's public facts; a model that its owner trained without privacy and asked to have written, and the energy of its run.
  'cli/train.ts': { public: 6, 'owner removed the mark': 2 },
};

describe('what may leave', () => {
  it('is marked so in known places alone', () => {
    const found: Record<string, Record<string, number>> = {};
    for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = relative(source, path);
      if (!entry.isFile() || !/\.(ts|svelte)$/.test(name) || name.endsWith('.test.ts') || name === 'privacy/doors.ts') continue;
      for (const match of readFileSync(path, 'utf8').matchAll(/releasableBecause\(\s*'([^']*)'/g)) {
        const reasons = (found[name] ??= {});
        reasons[match[1]!] = (reasons[match[1]!] ?? 0) + 1;
      }
    }
    expect(found).toEqual(allowed);
  });
});
