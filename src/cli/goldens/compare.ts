import { isJsonObject } from '../../engine/model/json.ts';

/** How one recorded value is held against ours. */
export type Rule =
  /** Given to our code, not compared. */
  | { readonly kind: 'input' }
  /** Recorded for the reader: a note, or another library's fault. */
  | { readonly kind: 'information'; readonly why: string }
  /** Ours must equal it, or be at most (upper bound) or at least it (lower bound), within absolute + relative * |it|. */
  | { readonly kind: 'equal' | 'upper bound' | 'lower bound'; readonly absolute: number; readonly relative: number; readonly why: string };

/** Rules of an entry's fields by path; a field of the entry that no path leads to is unknown, and fails the entry. */
export type FieldTable = Readonly<Record<string, Rule>>;

/** Numbers, the words Infinity and NaN, null, or what is equal only to itself. */
export type Recorded = number | string | boolean | null;

/** Holds `found` against the recorded value of a field, by the table's rule for it. */
export interface Compare {
  (field: string, found: Recorded, expected: Recorded): void;
  /** Says that a field of this entry is compared with nothing, for a reason of the check's; with it all that lie in it. */
  leaveOut(field: string): void;
  /** A line for the reader, kept once a family. */
  say(line: string): void;
  /** Says that the entry has nothing to be held against, and why: it neither passes nor fails. For runs that are kept, not made here. */
  noKeptRun(reason: string): void;
}

const isCompared = (rule: Rule | undefined) => rule?.kind === 'equal' || rule?.kind === 'upper bound' || rule?.kind === 'lower bound';

/** The paths of an entry's fields as the table cuts them: those with a rule, and those that no rule leads to. */
function* pathsOf(value: unknown, table: FieldTable, prefix: string): Generator<{ readonly path: string; readonly isKnown: boolean }> {
  if (!isJsonObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const path = `${prefix}${key}`;
    if (table[path] !== undefined) yield { path, isKnown: true };
    else if (!Object.keys(table).some((one) => one.startsWith(`${path}.`))) yield { path, isKnown: false };
    else if (isJsonObject(inner)) yield* pathsOf(inner, table, `${path}.`);
    // A value where the table has fields: only a check that says so may pass it over.
    else yield { path, isKnown: true };
  }
}

/** The comparison with the largest relative error of a family. */
export interface WorstRelative {
  readonly field: string;
  readonly found: number;
  readonly expected: number;
  /** What it was allowed to be off by. */
  readonly slack: number;
  /** That it was held to the absolute tolerance: the recorded value is so small that the relative one allows less. */
  readonly isHeldAbsolutely: boolean;
}

export interface FamilyReport {
  readonly family: string;
  readonly entries: number;
  readonly passed: number;
  readonly failed: number;
  /** Entries that no kept run is there for: neither passed nor failed; `notes` has the reasons. */
  readonly noKeptRun: number;
  /** Over fields that must be equal. */
  readonly worstAbsolute: number;
  readonly worstRelative: number;
  /** Where that was; null where all was equal. */
  readonly worstRelativeAt: WorstRelative | null;
  readonly status: 'passed' | 'failed' | 'no kept run' | 'unknown family';
  /** Lines for the reader. */
  readonly notes: readonly string[];
  readonly firstFailures: readonly string[];
  /** Fields of entries that the table has no rule for; such entries fail. */
  readonly unknownFields: readonly string[];
}

const SHOWN_FAILURES = 3;

function numberOf(value: Recorded): number | null {
  if (typeof value === 'number') return value;
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  return value === 'NaN' ? NaN : null;
}

/** Counts the entries of one family. */
export class Tally {
  readonly #family: string;
  readonly #table: FieldTable;
  #entries = 0;
  #failed = 0;
  #noKeptRun = 0;
  #worstAbsolute = 0;
  #worstRelative = 0;
  #worstRelativeAt: WorstRelative | null = null;
  readonly #failures: string[] = [];
  readonly #notes = new Set<string>();
  readonly #unknownFields = new Set<string>();

  constructor(family: string, table: FieldTable) {
    this.#family = family;
    this.#table = table;
  }

  /** Runs one entry. It is counted apart if the check says so; else it passes if every comparison does, at least one was made, and each field of the entry that has a rule to be held to was compared or left out. */
  async entry(name: string, entry: object, run: (compare: Compare) => void | Promise<void>): Promise<void> {
    this.#entries++;
    const problems: string[] = [];
    const paths = [...pathsOf(entry, this.#table, '')];
    for (const { path, isKnown } of paths) {
      if (isKnown) continue;
      this.#unknownFields.add(path);
      problems.push(`${path}: no rule for this field`);
    }
    const compared = new Set<string>();
    const leftOut = new Set<string>();
    let isWithoutRun = false;
    const compare = Object.assign(
      (field: string, found: Recorded, expected: Recorded) => {
        const rule = this.#table[field];
        if (rule === undefined) {
          problems.push(`${field}: no rule for this field`);
        } else if (rule.kind === 'equal' || rule.kind === 'upper bound' || rule.kind === 'lower bound') {
          compared.add(field);
          if (!this.#holds(field, rule, found, expected)) problems.push(`${field}: found ${String(found)}, ${rule.kind === 'equal' ? 'expected' : rule.kind} ${String(expected)}`);
        }
      },
      {
        leaveOut: (field: string) => void leftOut.add(field),
        say: (line: string) => void this.#notes.add(line),
        noKeptRun: (reason: string) => {
          isWithoutRun = true;
          this.#notes.add(reason);
        },
      },
    );
    try {
      await run(compare);
      if (isWithoutRun && problems.length === 0) {
        this.#noKeptRun++;
        return;
      }
      for (const { path, isKnown } of paths) {
        const isPassedOver = [...leftOut].some((field) => path === field || path.startsWith(`${field}.`));
        const isHeld = this.#table[path] === undefined || isCompared(this.#table[path]);
        if (isKnown && isHeld && !isPassedOver && !compared.has(path)) problems.push(`${path}: was not compared`);
      }
      if (compared.size === 0 && problems.length === 0) problems.push('nothing was compared');
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    if (problems.length === 0) return;
    this.#failed++;
    if (this.#failures.length < SHOWN_FAILURES) this.#failures.push(`${name}: ${problems.slice(0, SHOWN_FAILURES).join('; ')}`);
  }

  #holds(field: string, rule: Extract<Rule, { absolute: number }>, found: Recorded, expected: Recorded): boolean {
    const ours = numberOf(found);
    const theirs = numberOf(expected);
    if (ours === null || theirs === null) return rule.kind === 'equal' && found === expected;
    if (Object.is(ours, theirs)) return true;
    if (Number.isNaN(ours) || Number.isNaN(theirs)) return false;
    const slack = rule.absolute + (Number.isFinite(theirs) ? rule.relative * Math.abs(theirs) : 0);
    if (rule.kind === 'upper bound') return ours <= theirs + slack;
    if (rule.kind === 'lower bound') return ours >= theirs - slack;
    const error = Math.abs(ours - theirs);
    this.#worstAbsolute = Math.max(this.#worstAbsolute, error);
    if (theirs !== 0 && error / Math.abs(theirs) > this.#worstRelative) {
      this.#worstRelative = error / Math.abs(theirs);
      this.#worstRelativeAt = { field, found: ours, expected: theirs, slack, isHeldAbsolutely: rule.absolute >= slack - rule.absolute };
    }
    return error <= slack;
  }

  report(): FamilyReport {
    return {
      family: this.#family,
      entries: this.#entries,
      passed: this.#entries - this.#failed - this.#noKeptRun,
      failed: this.#failed,
      noKeptRun: this.#noKeptRun,
      worstAbsolute: this.#worstAbsolute,
      worstRelative: this.#worstRelative,
      worstRelativeAt: this.#worstRelativeAt,
      status: this.#failed > 0 ? 'failed' : this.#entries > 0 && this.#noKeptRun === this.#entries ? 'no kept run' : 'passed',
      notes: [...this.#notes],
      firstFailures: this.#failures,
      unknownFields: [...this.#unknownFields],
    };
  }
}
