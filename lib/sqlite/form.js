/**
 * How rows are wanted, as bits for the addon, which src/sqlite/form.rs describes. The addon refuses an INTEGER for which no number
 * is exact, and it does so before a write is committed.
 */
'use strict'

const FIRST_ROW = 1
const FIRST_COLUMN = 8

const INTEGERS = { number: 0, bigint: 2, auto: 4 }

/**
 * The bits of a plan; `first` for the first row alone.
 *
 * @param {{ mode: string, form?: string }} plan
 */
const formOf = ({ mode, form }, first = false) =>
  INTEGERS[mode] | (form === 'pluck' ? FIRST_COLUMN : 0) | (first ? FIRST_ROW : 0)

module.exports = { formOf }
