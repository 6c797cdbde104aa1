/**
 * Functions that make rows of cells, each compiled once for the names of the columns and the form: so all rows of a statement have
 * one shape, and are made several times as fast as property by property. src/sqlite/chunk.rs describes the cells.
 */
'use strict'

const { withMemory } = require('../base/errors')

/** The marks of cells, in the upper half. */
const INT32 = 0x7ff80001
const NULL = 0x7ff80002
const BESIDE = 0x7ff80003
const LATIN1 = 0x7ff80004
const UTF16 = 0x7ff80005

const MAX_SHAPES = 500

/** By their form and the names of their columns; the least recently made go first. */
const shapes = new Map()

/**
 * `(words, numbers, count, values, rows)` appends `count` rows, whose cells are in the room: as objects, as arrays (`raw`), or the
 * first column alone (`pluck`).
 */
function shapeOf(form, names) {
  const key = `${form}\0${names.join('\0')}`
  let shape = shapes.get(key)
  if (!shape) {
    if (shapes.size >= MAX_SHAPES) shapes.delete(shapes.keys().next().value)
    shapes.set(key, (shape = compile(form, names)))
  }
  return shape
}

function compile(form, names) {
  try {
    const width = form === 'pluck' ? 1 : names.length
    const body = `
      let mark
      for (let n = 0, cell = 0, next = 0, at = rows.length; n < count; n++, cell += ${width}) {
        rows[at++] = ${literals[form](names)}
      }`
    const made = new Function('latin1', 'utf16', `return (words, numbers, count, values, rows) => {${body}}`)
    return made(latin1, utf16)
  } catch (error) {
    // Where code may not be made from strings, or not of so many columns.
    if (!(error instanceof EvalError || error instanceof RangeError)) throw error
    return loose(form, names)
  }
}

const literals = {
  object: names => `{ ${names.map((name, column) => `${keyOf(name)}: ${valueOf(column)}`).join(', ')} }`,
  raw: names => `[${names.map((_, column) => valueOf(column)).join(', ')}]`,
  pluck: () => valueOf(0)
}

/** As a computed name, `__proto__` is a name like any other. */
const keyOf = name => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name))

const valueOf = column =>
  `(mark = words[2 * cell + ${2 * column + 1}]) === ${INT32} ? words[2 * cell + ${2 * column}]` +
  ` : mark === ${BESIDE} ? values[next++] : mark === ${NULL} ? null` +
  ` : mark === ${LATIN1} ? latin1(values[next++]) : mark === ${UTF16} ? utf16(values[next++])` +
  ` : numbers[cell + ${column}]`

/** Large texts, which may not fit into memory. */
const latin1 = bytes => withMemory(() => bytes.latin1Slice())
const utf16 = bytes => withMemory(() => bytes.ucs2Slice())

/** The same by code that is there. */
function loose(form, names) {
  const width = form === 'pluck' ? 1 : names.length
  const rowOf = {
    object: row => Object.fromEntries(names.map((name, column) => [name, row[column]])),
    raw: row => row,
    pluck: ([value]) => value
  }[form]
  return (words, numbers, count, values, rows) => {
    for (let n = 0, cell = 0, next = 0; n < count; n++) {
      const row = []
      for (let column = 0; column < width; column++, cell++) {
        const mark = words[2 * cell + 1]
        if (mark === INT32) row.push(words[2 * cell])
        else if (mark === BESIDE) row.push(values[next++])
        else if (mark === LATIN1) row.push(latin1(values[next++]))
        else if (mark === UTF16) row.push(utf16(values[next++]))
        else row.push(mark === NULL ? null : numbers[cell])
      }
      rows.push(rowOf(row))
    }
  }
}

module.exports = { shapeOf }
