/** Units that write down what is looked at in them, and the way back to the true ones: for tests of what the guard reads of rows. */
import type { TokenizedRow, TokenizedUnit } from '../trainer.ts';

export class WatchedUnits {
  /** Fields that were looked at, by path; `content` is any number of an array. */
  readonly reads = new Set<string>();
  readonly #true = new WeakMap<object, object>();

  of(units: readonly TokenizedUnit[]): TokenizedUnit[] {
    return units.map((unit) => this.#watch(unit, ''));
  }

  /** A unit as a trainer may read it; also one that was put together from rows of others. */
  unitOf(unit: TokenizedUnit): TokenizedUnit {
    const found = this.#true.get(unit);
    return isUnit(found) ? found : { unit: unit.unit, rows: unit.rows.map((row) => this.#rowOf(row)) };
  }

  idsOf(ids: Int32Array): Int32Array {
    const found = this.#true.get(ids);
    return found instanceof Int32Array ? found : ids;
  }

  #rowOf(row: TokenizedRow): TokenizedRow {
    const found = this.#true.get(row);
    return isRow(found) ? found : row;
  }

  #watch<Thing extends object>(thing: Thing, path: string): Thing {
    const watched = new Proxy(thing, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        // Numbers of rows are no names of fields, and methods of arrays are no data.
        if (typeof name === 'symbol' || typeof value === 'function') return value;
        const isPlace = Array.isArray(target) && /^\d+$/.test(name);
        const at = isPlace ? path : target instanceof Int32Array && name !== 'length' ? `${path} content` : `${path} ${name}`.trim();
        if (!isPlace) this.reads.add(at);
        return typeof value === 'object' && value !== null ? this.#watch(value, at) : value;
      },
    });
    this.#true.set(watched, thing);
    return watched;
  }
}

function isUnit(thing: object | undefined): thing is TokenizedUnit {
  return thing !== undefined && 'unit' in thing && 'rows' in thing;
}

function isRow(thing: object | undefined): thing is TokenizedRow {
  return thing !== undefined && 'ids' in thing && 'label' in thing;
}
