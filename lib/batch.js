/**
 * Writes that go to the addon together, encoded at their calls. src/sqlite/batch.rs describes the form.
 */
'use strict'

const { Buffer } = require('node:buffer')
const { performance } = require('node:perf_hooks')

const CREATE_RECORD = 0
const UPDATE_RECORD = 1

/** A larger batch would keep the event loop busy with its promises. */
const MAX_WRITES = 4096
const MIN_BYTES = 256
/** Up to this length a text is given the room it may need at most; beyond, its length in UTF-8 is counted. */
const SHORT_TEXT = 1024

class Batch {
  #bytes = Buffer.allocUnsafe(MIN_BYTES)
  #length = 0
  /** Each write: where it begins, when it was called, how to settle it. */
  #jobs = []
  /** The first one that is not settled. */
  #first = 0

  get full() {
    return this.#jobs.length >= MAX_WRITES
  }

  get settled() {
    return this.#first === this.#jobs.length
  }

  /** When the first write that is not settled was called. */
  get calledAt() {
    return this.#jobs[this.#first].calledAt
  }

  /** The writes that are not settled. */
  get bytes() {
    return this.#bytes.subarray(this.#jobs[this.#first].start, this.#length)
  }

  /** Adds a write; `encode` puts it down. Resolves to its value, or is rejected with what the addon tells of a failure. */
  add(encode) {
    return new Promise((resolve, reject) => {
      const job = { start: this.#length, calledAt: performance.now(), resolve, reject }
      encode(this)
      this.#jobs.push(job)
    })
  }

  createRecord(name, value) {
    const room = name.length > SHORT_TEXT ? Buffer.byteLength(name) : 3 * name.length
    this.#reserve(1 + 8 + 4 + room)
    this.#length = this.#bytes.writeUInt8(CREATE_RECORD, this.#length)
    this.#putInteger(value)
    const written = this.#bytes.write(name, this.#length + 4)
    this.#bytes.writeUInt32LE(written, this.#length)
    this.#length += 4 + written
  }

  updateRecord(id, value) {
    this.#reserve(1 + 8 + 8)
    this.#length = this.#bytes.writeUInt8(UPDATE_RECORD, this.#length)
    this.#putInteger(id)
    this.#putInteger(value)
  }

  /** Settles the writes that the addon has done. */
  settle({ values, bigints, failures }) {
    const jobs = this.#jobs
    const first = this.#first
    this.#first += values.length
    for (const { index, failure } of failures) jobs[first + index].reject(failure)
    for (const { index, value } of bigints) jobs[first + index].resolve(value)
    // What is settled already stays so.
    for (let n = 0; n < values.length; n++) jobs[first + n].resolve(values[n])
    jobs.fill(null, first, this.#first)
  }

  /** Rejects the writes up to the first that was called after `instant`. */
  rejectUntil(instant, failure) {
    while (!this.settled && this.calledAt <= instant) {
      this.#jobs[this.#first].reject(failure)
      this.#jobs[this.#first++] = null
    }
  }

  #putInteger(value) {
    if (typeof value === 'bigint') {
      this.#length = this.#bytes.writeBigInt64LE(value, this.#length)
      return
    }
    const high = Math.floor(value / 2 ** 32)
    this.#length = this.#bytes.writeUInt32LE(value - high * 2 ** 32, this.#length)
    this.#length = this.#bytes.writeInt32LE(high, this.#length)
  }

  #reserve(room) {
    if (this.#length + room <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + room))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}

module.exports = { Batch }
