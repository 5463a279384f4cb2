import { core } from './en/core.ts';
import { data } from './en/data.ts';
import { explain } from './en/explain.ts';
import { federation } from './en/federation.ts';
import { lab } from './en/lab.ts';
import { privacy } from './en/privacy.ts';
import { projector } from './en/projector.ts';
import { results } from './en/results.ts';
import { runs } from './en/runs.ts';
import { settings } from './en/settings.ts';
import { train } from './en/train.ts';

/** Every word of the interface, in English: for types and tests. The app loads `core` first, and the other parts with the pages that use them. */
export const en = { ...core, data, train, results, explain, lab, runs, settings, privacy, federation, projector };

export type CoreWords = typeof core;
/** The shape every language fills: a missing key does not compile. */
export type Words = typeof en;
