/** Maps [from, to] onto [start, end]; the ends may run either way. */
export function linear(from: number, to: number, start: number, end: number): (value: number) => number {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
}

/** About `count` round numbers from 0 to at least `maximum`. */
export function ticksTo(maximum: number, count: number): number[] {
  if (!(maximum > 0)) return [0];
  const rough = maximum / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough - 1e-12)!;
  return Array.from({ length: Math.ceil(maximum / step - 1e-9) + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** As few digits after the point, three at most, as tell all ticks of an axis apart and write each as it is. */
export function tickDigits(ticks: readonly number[]): number {
  return [0, 1, 2].find((digits) => ticks.every((tick) => Math.abs(tick * 10 ** digits - Math.round(tick * 10 ** digits)) < 1e-6)) ?? 3;
}

/** Steps of a run to write on an axis: whole numbers, the last one included. */
export function stepTicks(steps: number, count: number): number[] {
  const step = Math.max(1, ticksTo(steps, count)[1] ?? 1);
  const whole = Math.ceil(step);
  const ticks = Array.from({ length: Math.floor(steps / whole) + 1 }, (_, index) => index * whole);
  if (steps - ticks.at(-1)! >= whole * 0.5) ticks.push(steps);
  else ticks[ticks.length - 1] = steps;
  return ticks;
}

/** Rough width of 13 px text: Chinese characters are twice as wide as Latin ones, capitals half as wide again as small letters. */
export function textWidth(text: string, size = 13): number {
  let width = 0;
  for (const character of text) width += character.codePointAt(0)! > 0x2e80 ? size : /[A-Zmw@%]/.test(character) ? size * 0.68 : size * 0.53;
  return width;
}

/** Rough width of the widest part of a text that a line cannot break; Chinese breaks between any two characters. */
export function longestWordWidth(text: string, size = 13): number {
  return Math.max(0, ...text.split(/(?<=[\s-])|(?<=[\u2e80-\u9fff])|(?=[\u2e80-\u9fff])/u).map((word) => textWidth(word.trim(), size)));
}

/** `points` as the d of an SVG path. */
export function path(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}

/** Strength, in percent, of a cell's shade for the share of its row: the square root, so that rare mix-ups can be seen. */
export function matrixShade(share: number): number {
  return Math.round(Math.sqrt(share) * 95);
}

/** Every how many of `count` items, each `pitch` pixels wide, one can carry a number that takes `room` pixels: 1, 2, 5, 10, ... */
export function tickStep(count: number, pitch: number, room: number): number {
  for (let power = 1; power < count; power *= 10) {
    const step = [1, 2, 5].map((factor) => factor * power).find((candidate) => candidate * pitch >= room);
    if (step !== undefined) return step;
  }
  return Math.max(1, count);
}
