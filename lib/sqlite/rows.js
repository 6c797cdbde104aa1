/**
 * Takes rows from the addon: their cells in a room that is lent to it, and what does not fit into a cell as the arguments of a
 * call. src/sqlite/chunk.rs describes the form.
 */
'use strict'

const { Buffer } = require('node:buffer')
const { setImmediate } = require('node:timers/promises')
const { shapeOf } = require('./shapes')

/** src/sqlite/chunk.rs has the same. */
const MAX_CELLS = 8192

const numbers = new Float64Array(MAX_CELLS)
const words = new Int32Array(numbers.buffer)
/** For all reads of this thread: the rows of a chunk are made before the next chunk comes. */
const room = Buffer.from(numbers.buffer)

/** Takes the rows of one statement. */
class Taker {
  #names = null
  #form = null
  #shape = null
  #rows = null

  /** For the addon to call: for 0 rows with the names of the columns, before rows whose columns have other names. */
  take = (count, ...values) => {
    if (count === 0) {
      this.#names = values
      this.#shape = null
    } else {
      this.#shape ??= shapeOf(this.#form, this.#names)
      this.#shape(words, numbers, count, values, this.#rows)
    }
  }

  /** Rows come, in this form: see lib/sqlite/shapes.js. */
  begin(form) {
    this.#rows = []
    if (form === this.#form) return
    this.#form = form
    this.#shape = null
  }

  /** The rows that have come. */
  end() {
    const rows = this.#rows
    this.#rows = null
    return rows
  }
}

/** The rows of an answer of another thread, as a plan of lib/sqlite/reader.js wants them. */
function rowsOf(answer, { form }) {
  const taker = new Taker()
  taker.begin(form)
  while (answer.next(room, taker.take));
  return taker.end()
}

/** The same, with a turn of the event loop between two chunks. */
async function rowsSlowlyOf(answer, { form }) {
  const taker = new Taker()
  taker.begin(form)
  while (answer.next(room, taker.take)) await setImmediate()
  return taker.end()
}

module.exports = { Taker, room, rowsOf, rowsSlowlyOf }
