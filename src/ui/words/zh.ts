import type { Words } from './en.ts';
import { codes } from './zh/codes.ts';
import { data } from './zh/data.ts';
import { explain } from './zh/explain.ts';
import { federation } from './zh/federation.ts';
import { frame } from './zh/frame.ts';
import { lab } from './zh/lab.ts';
import { format } from './zh/locale.ts';
import { privacy } from './zh/privacy.ts';
import { projector } from './zh/projector.ts';
import { results } from './zh/results.ts';
import { runs } from './zh/runs.ts';
import { settings } from './zh/settings.ts';
import { start } from './zh/start.ts';
import { train } from './zh/train.ts';

/** 界面上的全部文字。 */
export const zh: Words = { language: 'zh', format, frame, start, data, train, results, explain, lab, runs, settings, privacy, federation, projector, codes };
