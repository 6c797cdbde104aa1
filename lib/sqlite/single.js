/**
 * The first row of a read, as the addon hands it over: its numbers in `room`, its short texts in one string, its other values
 * in a list. src/sqlite/single.rs describes the form.
 */
'use strict'

const { Buffer } = require('node:buffer')

const NULL = -1
const NUMBER = -2
const INTEGER = -3
const APART = -4

/** A row of more columns comes as a chunk. */
const MAX_COLUMNS = 60

const HEAD_BYTES = 8
const CELL_BYTES = 16

class Single {
  #words = new Int32Array((HEAD_BYTES + MAX_COLUMNS * CELL_BYTES) / 4)
  #numbers = new Float64Array(this.#words.buffer)
  #integers = new BigInt64Array(this.#words.buffer)
  room = Buffer.from(this.#words.buffer)

  /** The version of the columns of the row. */
  get version() {
    return this.#words[0]
  }

  /** The values of the row. */
  values(texts, apart) {
    const count = this.#words[1]
    const values = new Array(count)
    for (let n = 0, start = 0, next = 0; n < count; n++) {
      const mark = this.#words[2 + 4 * n]
      if (mark === NUMBER) values[n] = this.#numbers[2 + 2 * n]
      else if (mark === NULL) values[n] = null
      else if (mark === INTEGER) values[n] = this.#integers[2 + 2 * n]
      else if (mark === APART) values[n] = apart[next++]
      else {
        values[n] = texts.slice(start, mark)
        start = mark
      }
    }
    return values
  }
}

module.exports = { Single }
