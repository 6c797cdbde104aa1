/**
 * Turns what the addon hands over into rows.
 *
 * An object for each row by one object literal, in a function that is compiled once for the names of the columns: so all rows
 * of a statement have one shape, and are made several times as fast as property by property.
 */
'use strict'

const { setImmediate } = require('node:timers/promises')
const { countOf, decode } = require('./chunk')

const MAX_SHAPES = 500

/** By the names of their columns; the least recently made go first. */
const shapes = new Map()

function shapeOf(columns) {
  const key = columns.join('\0')
  let shape = shapes.get(key)
  if (!shape) {
    if (shapes.size >= MAX_SHAPES) shapes.delete(shapes.keys().next().value)
    shapes.set(key, (shape = compileShape(columns)))
  }
  return shape
}

/**
 * `one(values)`: an object of the values of a row; `many(columns, count, rows, at)`: puts objects of the values of each column into `rows`, from place `at` on.
 */
function compileShape(names) {
  try {
    // As a computed name, `__proto__` is a name like any other.
    const keys = names.map(name => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)))
    const literal = value => `{ ${keys.map((key, i) => `${key}: ${value(i)}`).join(', ')} }`
    const one = new Function('values', `return ${literal(i => `values[${i}]`)}`)
    const columns = names.map((_, i) => `c${i}`).join(', ')
    const loop = `for (let n = 0; n < count; n++) rows[at + n] = ${literal(i => `c${i}[n]`)}`
    const many = new Function('columns', 'count', 'rows', 'at', `const [${columns}] = columns; ${loop}`)
    return { names, one, many }
  } catch (error) {
    // Where code may not be made from strings, or not of so many columns.
    if (!(error instanceof EvalError || error instanceof RangeError)) throw error
    return looseShape(names)
  }
}

function looseShape(names) {
  const one = values => Object.fromEntries(names.map((name, i) => [name, values[i]]))
  const many = (columns, count, rows, at) => {
    for (let n = 0; n < count; n++) rows[at + n] = one(columns.map(column => column[n]))
  }
  return { names, one, many }
}

/** How the rows of a statement come: as objects, as arrays (`raw`), or the first column alone (`pluck`). */
const forms = {
  object: {
    one: (values, shape) => shape.one(values),
    many: (columns, count, rows, at, names) => shapeOf(names).many(columns, count, rows, at)
  },
  raw: {
    one: values => values,
    many(columns, count, rows, at) {
      for (let n = 0; n < count; n++) rows[at + n] = columns.map(column => column[n])
    }
  },
  pluck: {
    one: ([value]) => value,
    many([first], count, rows, at) {
      for (let n = 0; n < count; n++) rows[at + n] = first[n]
    }
  }
}

/** A row of these values. */
const rowOf = (values, shape, { form }) => forms[form].one(values, shape)

/** The rows of an answer, `{ columns, chunks }`, as a plan of lib/sqlite/reader.js wants them. */
function rowsOf(answer, plan) {
  const rows = roomFor(answer)
  let at = 0
  for (const chunk of answer.chunks) at += putRows(chunk, answer.columns, plan, rows, at)
  return rows
}

/** The same, with a turn of the event loop between two chunks. */
async function rowsSlowlyOf(answer, plan) {
  const rows = roomFor(answer)
  let at = 0
  for (const chunk of answer.chunks) {
    if (at > 0) await setImmediate()
    at += putRows(chunk, answer.columns, plan, rows, at)
  }
  return rows
}

const roomFor = ({ chunks }) => new Array(chunks.reduce((sum, chunk) => sum + countOf(chunk), 0))

/** Puts the rows of a chunk into `rows`, from place `at` on. Returns how many there are. */
function putRows(chunk, names, { form }, rows, at) {
  const { rows: count, columns } = decode(chunk)
  forms[form].many(columns, count, rows, at, names)
  return count
}

module.exports = { rowOf, rowsOf, rowsSlowlyOf, shapeOf }
