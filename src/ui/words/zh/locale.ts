import { createFormat } from '../format.ts';

export const format = createFormat('zh-CN', '至', '', '，');
export const notes = (count: number): string => `${format.count(count)} 份病历`;
export const rows = (count: number): string => `${format.count(count)} 行`;
export const people = (count: number): string => `${format.count(count)} 人`;
