import { createFormat, createPlural } from '../format.ts';

export const format = createFormat('en-GB', 'to', ' ', ', ');
export const plural = createPlural('en-GB', format);
export const notes = (count: number): string => plural(count, 'note', 'notes');
export const rows = (count: number): string => plural(count, 'row', 'rows');
export const people = (count: number): string => plural(count, 'person', 'people');
