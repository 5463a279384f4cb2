import type { CoreWords } from '../en.ts';
import { codes } from './codes.ts';
import { frame } from './frame.ts';
import { format } from './locale.ts';
import { start } from './start.ts';

/** 每个页面和首页都需要的文字。 */
export const core: CoreWords = { language: 'zh', format, frame, start, codes };
