import { codes } from './codes.ts';
import { frame } from './frame.ts';
import { format } from './locale.ts';
import { start } from './start.ts';

/** What every page and the first one need, in English. */
export const core = { language: 'en', format, frame, start, codes };
