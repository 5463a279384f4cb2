import { codes } from './en/codes.ts';
import { data } from './en/data.ts';
import { explain } from './en/explain.ts';
import { federation } from './en/federation.ts';
import { frame } from './en/frame.ts';
import { lab } from './en/lab.ts';
import { format } from './en/locale.ts';
import { privacy } from './en/privacy.ts';
import { projector } from './en/projector.ts';
import { results } from './en/results.ts';
import { runs } from './en/runs.ts';
import { settings } from './en/settings.ts';
import { start } from './en/start.ts';
import { train } from './en/train.ts';

/** Every word of the interface, in English. */
export const en = { language: 'en', format, frame, start, data, train, results, explain, lab, runs, settings, privacy, federation, projector, codes };

/** The shape every language fills: a missing key does not compile. */
export type Words = typeof en;
