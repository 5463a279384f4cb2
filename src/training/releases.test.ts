import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { forOwnersEyes, releasableBecause, releasedByOwner, type OwnersEyes, type Releasable } from '../privacy/doors.ts';

const source = join(import.meta.dirname, '..');

/** Every place that lets a value out, by file and reason or owner's act. A new one is a decision: it belongs here with why it may. */
const allowed: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // The noisy held-out accuracy, after its charge.
  'training/charged-validation.ts': { charged: 1 },
  // The noisy gradient of a federation's round, after its charge.
  'training/federated-update.ts': { charged: 1 },
  // Parameters of private runs; label sentences; the files that follow from what is marked so, card and all.
  'training/export-model.ts': { charged: 1, public: 1, 'post-processing': 2 },
  // Stored releases of a finished run, as a zip; a plain model that its owner asks to save, after the page has said what it is, and the energy of its run.
  'shell/exported-model.ts': { public: 7, charged: 1, 'post-processing': 1, 'save-plain-model': 2 },
  // The bytes of a file whose parts may leave.
  'shell/leaving-file.ts': { 'post-processing': 1 },
  // A federation's calls: the reason stands with each in `endpoints.ts`; invitations, seats and room links.
  'federation/fleet-client.ts': { 'a computed reason': 1 },
  'federation/coordinator-client.ts': { public: 1 },
  // What a federation's server has had, the agreement, and the ledger's charges.
  'ui/pages/federation/sent-list.ts': { public: 1 },
  // The invitation to a room.
  'ui/pages/federation/JoinHere.svelte': { public: 1 },
  // How fast made-up notes are read.
  'ui/pages/settings/SpeedPart.svelte': { public: 1 },
  // What their owner saves, after the page has said what it gives away.
  'ui/pages/data/Checks.svelte': { 'save-set-aside-rows': 1 },
  'ui/pages/explain/RunFile.svelte': { 'save-labelled-notes': 1 },
  'ui/pages/runs/LedgerPart.svelte': { 'save-ledger': 1 },
  'ui/pages/runs/RunsOf.svelte': { 'save-runs': 1 },
  'ui/parts/ProjectActions.svelte': { 'save-project': 1 },
  // The card's public facts; a model that its owner trained without privacy and asked to have written, and the energy of its run; scores for whoever runs the command.
  'cli/train.ts': { public: 6, 'save-plain-model': 2, 'print-scores': 1 },
  'cli/predict.ts': { 'save-labelled-notes': 1 },
  // Help; the made-up sample; the files of a public model.
  'cli/run-command.ts': { public: 1 },
  'cli/sample.ts': { public: 1 },
  'cli/model.ts': { public: 2 },
  // Made-up updates and files of tests.
  'federation/testing/node-scene.ts': { charged: 1 },
  'ui/testing/fake-service.ts': { charged: 1 },
};

describe('what may leave', () => {
  it('is marked so in known places alone', () => {
    const found: Record<string, Record<string, number>> = {};
    for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = relative(source, path);
      if (!entry.isFile() || !/\.(ts|svelte)$/.test(name) || name.endsWith('.test.ts') || name === 'privacy/doors.ts') continue;
      const text = readFileSync(path, 'utf8');
      for (const match of text.matchAll(/(?:releasableBecause|releasedByOwner)(?:<[^(]*>)?\(\s*(?:'([^']*)')?/g)) {
        const reasons = (found[name] ??= {});
        const reason = match[1] ?? 'a computed reason';
        reasons[reason] = (reasons[reason] ?? 0) + 1;
      }
      // The marks are types without a value: a cast would make one out of nothing.
      if (/as (?:unknown as )?(?:Releasable|OwnersEyes)\b/.test(text)) found[name] = { ...found[name], 'a cast': 1 };
    }
    expect(found).toEqual(allowed);
  });

  it('is asked for by the compiler, which takes neither a bare value nor an exact one in its place', () => {
    const leave = ({ value }: Releasable<number>) => value;
    const exact: OwnersEyes<number> = forOwnersEyes(0.91);
    // @ts-expect-error A bare value has no mark.
    leave({ value: 1 });
    // @ts-expect-error An exact one has the other mark.
    leave(exact);
    // @ts-expect-error No reason turns an exact value into one that may leave.
    releasableBecause('public', exact);
    // @ts-expect-error A bare value is not its owner's to let out: it is marked first.
    releasedByOwner('save-runs', 0.91);
    expect([leave(releasableBecause('public', 2)), leave(releasedByOwner('save-runs', exact))]).toEqual([2, 0.91]);
  });
});
