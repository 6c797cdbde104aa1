/**
 * Turns the values that the addon hands over into rows.
 */
'use strict'

const { outOfRange } = require('./errors')

/**
 * An INTEGER as the caller wants it. The addon gives a bigint only where a number would not be exact.
 *
 * @param mode 'number': RangeError where a number is not exact; 'bigint': always a bigint; 'auto': as it comes
 */
function toIntegerMode(value, mode, column) {
  if (mode === 'auto') return value
  if (typeof value === 'bigint' && mode === 'number') {
    throw outOfRange(
      `the value of column ${column} is too large for a number: ${value}; open the DB with integers: 'bigint' or 'auto'`
    )
  }
  return mode === 'bigint' && Number.isInteger(value) ? BigInt(value) : value
}

/** Rows as objects, by column name. */
function toObjects({ columns, rows }, mode) {
  return rows.map(row =>
    Object.fromEntries(columns.map((column, i) => [column, toIntegerMode(row[i], mode, column)]))
  )
}

module.exports = { toIntegerMode, toObjects }
