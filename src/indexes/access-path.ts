import type { Cell } from '../codec/cell.js'

/** How a scan walks one table: an order, the stretch of it, and a direction. */
export interface AccessPath {
  /** Walk this secondary index; absent: primary-key order. */
  readonly index?: string
  /** Equality on the leading key parts; null means IS NULL. */
  readonly prefix?: readonly Cell[]
  /** Bounds on the key part after the prefix, in value order also where the part is descending. NULL is in no bounds. */
  readonly lower?: PathBound
  readonly upper?: PathBound
  readonly reverse?: boolean
}

export interface PathBound {
  readonly cell: Cell
  readonly isInclusive: boolean
}

/** Rows of a scan: arrays of cells, positional as the table's columns, or what else they are decoded to. */
export interface RowScan<Row = Cell[]> {
  /** A fresh one for every row; valid after `next()` returned true. */
  readonly row: Row
  next(): boolean
  /** Idempotent; a scan that ran to its end is closed. */
  close(): void
}
