import { describe, expect, it } from 'vitest';
import { unusedName } from './project-name.ts';

describe('the name of a new project', () => {
  it('is that of its file', () => {
    expect(unusedName('three', ['two', 'three (2)'])).toBe('three');
  });

  it('is numbered where that is taken', () => {
    expect(unusedName('three', ['three'])).toBe('three (2)');
    expect(unusedName('three', ['three', 'three (2)', 'three (4)'])).toBe('three (3)');
  });
});
