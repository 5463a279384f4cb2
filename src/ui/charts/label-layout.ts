import { textWidth } from './scale.ts';

export interface ChartLabel {
  readonly x: number;
  readonly text: string;
  readonly isStrong?: boolean;
  /** Lower goes first; a label that finds no room is left out. */
  readonly priority: number;
  /** Side that is tried first. */
  readonly prefers?: 'start' | 'end';
}

export interface PlacedLabel extends ChartLabel {
  readonly anchor: 'start' | 'end';
  readonly left: number;
}

/** Places labels on one line without overlap: right of their point, else left of it, else not at all. */
export function placeLabels(labels: readonly ChartLabel[], width: number, gap = 10): PlacedLabel[] {
  const placed: (PlacedLabel & { readonly right: number })[] = [];
  for (const label of labels.toSorted((a, b) => a.priority - b.priority)) {
    const size = textWidth(label.text) * (label.isStrong ? 1.06 : 1);
    for (const anchor of label.prefers === 'end' ? (['end', 'start'] as const) : (['start', 'end'] as const)) {
      const left = anchor === 'start' ? label.x : label.x - size;
      const right = left + size;
      if (left < -1 || right > width + 1) continue;
      if (placed.some((other) => left < other.right + gap && right > other.left - gap)) continue;
      placed.push({ ...label, anchor, left, right });
      break;
    }
  }
  return placed;
}
