/** Frozen features as a table: rows are read once, and any number of trainings then run on them through the real trainer and session. */
import type { Engine } from '../../engine/engine.ts';
import type { BertShape } from '../../engine/model/weights.ts';
import { invariant } from '../../ground/check.ts';
import { joinRows, distributeRows } from '../distribute.ts';
import type { Trainer } from '../trainer.ts';

/** Pooled outputs of some layers, at their own length. Shapes: values [rows, layers, D]. */
export interface PooledTable {
  readonly shape: BertShape;
  readonly layers: readonly number[];
  readonly values: Float32Array;
}

/** Rows that a trainer reads before the caller hears of them again. */
const rowsAtATime = 64;

/**
 * Reads rows with every trainer at once. `onRows` counts rows done and is awaited; what it throws ends the reading.
 * With `isLasting` they are notes of a project, and may be read from and written to its cache.
 */
export async function readPooled(trainers: readonly Trainer[], rows: readonly Int32Array[], layers: readonly number[], isLasting: boolean, onRows: (done: number) => Promise<void> | void): Promise<PooledTable> {
  const by = { layers, weights: layers.map(() => 1), isUnitLength: false };
  let done = 0;
  const parts = await Promise.all(
    distributeRows(rows, trainers.length).map(async (share, index) => {
      const read: Float32Array[] = [];
      for (let from = 0; from < share.length; from += rowsAtATime) {
        const some = share.slice(from, from + rowsAtATime);
        read.push(await trainers[index]!.encode(some, by, isLasting));
        done += some.length;
        await onRows(done);
      }
      return joinRows(read);
    }),
  );
  return { shape: trainers[0]!.shape, layers, values: joinRows(parts) };
}

/** Lays tables of the same layers end to end. */
export function joinTables(first: PooledTable, ...others: readonly PooledTable[]): PooledTable {
  return { ...first, values: joinRows([first.values, ...others.map(({ values }) => values)]) };
}

export function rowCount({ shape, layers, values }: PooledTable): number {
  return values.length / (layers.length * shape.width);
}

/** What stands for the tokens of a table's row: its number. */
export function tableRow(row: number): Int32Array {
  return Int32Array.of(row);
}

function headsOnly(): never {
  invariant(false, 'a table of pooled outputs trains heads alone');
}

/** An encoder whose rows are those of a table, named by `tableRow`. */
export function tableEngine({ shape, layers, values }: PooledTable): Engine {
  const { width } = shape;
  return {
    backend: 'reference',
    device: 'table of pooled outputs',
    shape,
    configure: headsOnly,
    initialParameters: headsOnly,
    setParameters: headsOnly,
    hidden: headsOnly,
    logits: headsOnly,
    gradients: headsOnly,
    summedGradient: headsOnly,
    clippedSum: headsOnly,
    encode(input, wanted) {
      invariant('ids' in input, 'rows of a table are named by their number');
      const places = wanted.map((layer) => layers.indexOf(layer));
      invariant(!places.includes(-1), 'the table holds the layers asked for');
      const rows = input.offsets.length - 1;
      const pooled = new Float32Array(rows * places.length * width);
      for (let row = 0; row < rows; row++) {
        const number = input.ids[input.offsets[row]!]!;
        places.forEach((place, index) => {
          const from = (number * layers.length + place) * width;
          pooled.set(values.subarray(from, from + width), (row * places.length + index) * width);
        });
      }
      return Promise.resolve(pooled);
    },
    dispose: () => undefined,
  };
}
