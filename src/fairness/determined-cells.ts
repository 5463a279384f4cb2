/** A hidden cell of a table, as positions of its row and its column. */
export type Cell = readonly [row: number, column: number];

/** Rows (from 0) and columns (after `rowCount`) that `cells` other than `without` lead to from one of them: each cell joins its row and its column. */
function blockAt(start: number, cells: readonly Cell[], without: Cell, rowCount: number): ReadonlySet<number> {
  const block = new Set([start]);
  for (let size = 0; size !== block.size;) {
    size = block.size;
    for (const cell of cells) {
      if (cell !== without && (block.has(cell[0]) || block.has(rowCount + cell[1]))) block.add(cell[0]).add(rowCount + cell[1]);
    }
  }
  return block;
}

/**
 * The hidden cells of a table of which the sum of every row and column is known, and further ones to hide, so that none of them follows.
 * A cell follows exactly where it alone joins two blocks of hidden cells (a bridge of the graph of rows and columns): the sums of one block's rows less those of its
 * columns leave that cell. Another cell between the two, the one of least `size`, closes a circle, round which a number may be added and taken away by turns. That
 * makes no bridge of another cell, so each is looked at once.
 * @param cells two at least in every row and column that has one: a line's only one has no block behind it to close a circle with
 */
export function withCircles(cells: readonly Cell[], rowCount: number, columnCount: number, size: (row: number, column: number) => number): readonly Cell[] {
  const table = Array.from({ length: rowCount * columnCount }, (_, at): Cell => [Math.floor(at / columnCount), at % columnCount]).toSorted((a, b) => size(...a) - size(...b));
  const all = [...cells];
  for (const cell of cells) {
    const [row, column] = cell;
    const near = blockAt(row, all, cell, rowCount);
    if (near.has(rowCount + column)) continue;
    const far = blockAt(rowCount + column, all, cell, rowCount);
    const joins = (one: number, other: number) => (near.has(one) && far.has(other)) || (far.has(one) && near.has(other));
    const closing = table.find((other) => joins(other[0], rowCount + other[1]) && (other[0] !== row || other[1] !== column));
    if (closing) all.push(closing);
  }
  return all;
}
