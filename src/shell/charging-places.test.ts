import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const source = join(import.meta.dirname, '..');

/**
 * Every place that charges the ledger, gives budget away, or takes charges over, and the click behind it, as `ui/click-costs.browser.test.ts` lists them.
 * That what was said is what is charged: `prices.browser.test.ts`, `train-on.browser.test.ts`, `charged-again.test.ts`, `project-share.browser.test.ts`.
 */
const places: Readonly<Record<string, string>> = {
  'training/session-run.ts': 'a run that was started or resumed: its releases, and the score beside them',
  'training/charged-validation.ts': 'the score beside a run, or afterwards',
  'training/run-search.ts': 'a search among settings',
  'training/charged-parts.ts': 'remembers what a run or a round is charged',
  'training/federated-update.ts': 'a round of a federation that was joined',
  'training/ledger-charges.ts': 'the port of all of these to the ledger',
  'shell/guarded-run.ts': 'the same port of a run, which waits where the disk is full',
  'shell/ledger-keeper.ts': 'the port of a run or a late score; a share for a copy',
  'shell/federation-source.ts': 'the port of a round',
  'shell/run-keeper.ts': 'writes into the record what a run was charged',
  'shell/project-file.ts': 'a share for a copy; what a file brings was spent before',
  'cli/train-ledger.ts': 'the port of a command, whose --epsilon and --limit are its price',
};

describe('the ledger', () => {
  it('is charged in known places alone', () => {
    const found = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /^(?:shell|training|cli|federation)\/.*\.ts$/.test(name) && !/\.test\.ts$|testing\//.test(name) && /\.charge\(|ledger\w*\.share\(|\.merge\(|\bledgerCharges\(/.test(readFileSync(join(source, name), 'utf8')));
    expect(found.sort()).toEqual(Object.keys(places).sort());
  });
});
