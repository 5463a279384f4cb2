import type { Words } from './en.ts';
import { core } from './zh/core.ts';
import { data } from './zh/data.ts';
import { explain } from './zh/explain.ts';
import { federation } from './zh/federation.ts';
import { lab } from './zh/lab.ts';
import { privacy } from './zh/privacy.ts';
import { projector } from './zh/projector.ts';
import { results } from './zh/results.ts';
import { runs } from './zh/runs.ts';
import { settings } from './zh/settings.ts';
import { train } from './zh/train.ts';

/** 界面上的全部文字，供类型和测试使用。 */
export const zh: Words = { ...core, data, train, results, explain, lab, runs, settings, privacy, federation, projector };
