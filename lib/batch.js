/**
 * Writes that go to the addon together, encoded at their calls. src/sqlite/batch.rs describes the form.
 */
'use strict'

const { Buffer } = require('node:buffer')
const { performance } = require('node:perf_hooks')
const { checkValue } = require('./parameters')

const CREATE_RECORD = 0
const UPDATE_RECORD = 1
const RUN = 2
const ALL = 3

const NULL = 0
const INTEGER = 1
const REAL = 2
const TEXT = 3
const BLOB = 4
const NAMED = 0x80

/** A larger batch would keep the event loop busy with its promises. */
const MAX_WRITES = 4096
const MIN_BYTES = 256
/** Up to this length a text is given the room it may need at most; beyond, its length in UTF-8 is counted. */
const SHORT_TEXT = 1024

class Batch {
  /** How long its writes wait for the lock, ms. */
  timeout
  /** Makes it leave the queue; a write with a signal has a batch of its own. */
  signal
  #bytes = Buffer.allocUnsafe(MIN_BYTES)
  #length = 0
  /** The SQL texts of the writes. */
  #statements = new Map()
  /** Each write: where it begins, when it was called, how to settle it. */
  #jobs = []
  /** The first one that is not settled. */
  #first = 0

  constructor(timeout, signal) {
    this.timeout = timeout
    this.signal = signal
  }

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

  get statements() {
    return [...this.#statements.keys()]
  }

  /** The writes that are not settled. */
  get bytes() {
    return this.#bytes.subarray(this.#jobs[this.#first].start, this.#length)
  }

  /**
   * Adds a write, rejected with what the addon tells of a failure.
   *
   * @param encode puts it down
   * @param toResult what it resolves to, given how many rows it has changed and the last rowid it has inserted
   * @param count how many statements there are, when it resolves to a list of what each has done
   */
  add(encode, toResult, count) {
    const start = this.#length
    return new Promise((resolve, reject) => {
      try {
        encode(this)
      } catch (error) {
        this.#length = start
        throw error
      }
      this.#jobs.push({ start, calledAt: performance.now(), toResult, count, resolve, reject })
    })
  }

  createRecord(name, value) {
    this.#putByte(CREATE_RECORD)
    this.#putInteger(value)
    this.#putText(name)
  }

  updateRecord(id, value) {
    this.#putByte(UPDATE_RECORD)
    this.#putInteger(id)
    this.#putInteger(value)
  }

  /** @param named an object; names that the text cannot mean are passed over, so a whole row may be given */
  run(sql, positional, named) {
    const names = named ? Object.keys(named).filter(name => sql.includes(name)) : []
    this.#putByte(RUN)
    this.#putLength(this.#indexOf(sql))
    this.#putLength(positional.length + names.length)
    for (let n = 0; n < positional.length; n++)
      this.#putValue(0, checkValue(`parameter ${n + 1}`, positional[n]))
    for (const name of names) this.#putValue(NAMED, checkValue(`parameter ${name}`, named[name]), name)
  }

  /** All of these or nothing. */
  all(items) {
    this.#putByte(ALL)
    this.#putLength(items.length)
    for (const { sql, positional, named } of items) this.run(sql, positional, named)
  }

  /** Settles the writes that the addon has done. */
  settle({ changes, rowids, bigints, failures }) {
    const failed = new Map(failures.map(({ index, failure }) => [index, failure]))
    const exact = new Map(bigints.map(({ index, value }) => [index, value]))
    for (let n = 0; n < changes.length; this.#first++) {
      const job = this.#jobs[this.#first]
      this.#jobs[this.#first] = null
      const failure = failed.get(n)
      const end = n + (job.count ?? 1)
      const results = []
      for (; n < end; n++) results.push(job.toResult(changes[n], exact.get(n) ?? rowids[n]))
      if (failure) job.reject(failure)
      else job.resolve(job.count === undefined ? results[0] : results)
    }
  }

  /** Rejects the writes up to the first that was called after `instant`. */
  rejectUntil(instant, failure) {
    while (!this.settled && this.calledAt <= instant) {
      this.#jobs[this.#first].reject(failure)
      this.#jobs[this.#first++] = null
    }
  }

  #indexOf(sql) {
    let index = this.#statements.get(sql)
    if (index === undefined) this.#statements.set(sql, (index = this.#statements.size))
    return index
  }

  #putValue(flags, value, name) {
    const tag = tagOf(value)
    this.#putByte(tag | flags)
    if (name !== undefined) this.#putText(name)
    if (tag === INTEGER) this.#putInteger(value)
    else if (tag === REAL) this.#putReal(value)
    else if (tag === TEXT) this.#putText(value)
    else if (tag === BLOB) this.#putBytes(value)
  }

  #putByte(byte) {
    this.#reserve(1)
    this.#bytes[this.#length++] = byte
  }

  #putLength(length) {
    this.#reserve(4)
    this.#length = this.#bytes.writeUInt32LE(length, this.#length)
  }

  #putInteger(value) {
    this.#reserve(8)
    if (typeof value === 'bigint') {
      this.#length = this.#bytes.writeBigInt64LE(value, this.#length)
      return
    }
    const high = Math.floor(value / 2 ** 32)
    this.#length = this.#bytes.writeUInt32LE(value - high * 2 ** 32, this.#length)
    this.#length = this.#bytes.writeInt32LE(high, this.#length)
  }

  #putReal(value) {
    this.#reserve(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  #putText(text) {
    this.#reserve(4 + (text.length > SHORT_TEXT ? Buffer.byteLength(text) : 3 * text.length))
    const written = this.#bytes.write(text, this.#length + 4)
    this.#bytes.writeUInt32LE(written, this.#length)
    this.#length += 4 + written
  }

  #putBytes(value) {
    const bytes = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value)
    this.#putLength(bytes.length)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(room) {
    if (this.#length + room <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + room))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}

/** A whole number is an INTEGER, but for -0, which only a REAL can hold. */
function tagOf(value) {
  if (value === null) return NULL
  if (typeof value === 'string') return TEXT
  if (typeof value === 'bigint') return INTEGER
  if (typeof value === 'object') return BLOB
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? INTEGER : REAL
}

module.exports = { Batch }
