/**
 * Writes that go to the addon together, encoded at their calls. src/sqlite/batch.rs describes the form.
 */
'use strict'

const { Buffer } = require('node:buffer')
const { performance } = require('node:perf_hooks')
const { fromFailure } = require('./errors')

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

/** A larger batch would keep the event loop busy with its promises, or with its bytes. */
const MAX_WRITES = 4096
const MAX_BYTES = 2 ** 20
const MIN_BYTES = 256
/** Up to this length a text is given the room it may need at most; beyond, its length in UTF-8 is counted. */
const SHORT_TEXT = 1024

/**
 * The statements of a batch have places, in the order of their calls, and are settled in that order: those who wait for one
 * await `progress` until `settled(place)`. One promise for all of them is a fraction of the memory and the time that one for
 * each would take.
 */
class Batch {
  /** How long its writes wait for the lock, ms. */
  timeout
  /** Makes it leave the queue; a write with a signal has a batch of its own. */
  signal
  #bytes = Buffer.allocUnsafe(MIN_BYTES)
  #length = 0
  /** The SQL texts of the writes. */
  #statements = new Map()
  /** Of each write: where it begins, when it was called, and its first place. */
  #starts = []
  #times = []
  #firsts = []
  #places = 0
  /** The first write, and the first place, that is not settled. */
  #next = 0
  #settled = 0
  /** Of each place that is settled. */
  #changes = []
  #rowids = []
  #failures = new Map()
  #moveOn
  /** Resolves when more is settled. */
  progress = this.#renewed()

  constructor(timeout, signal) {
    this.timeout = timeout
    this.signal = signal
  }

  get full() {
    return this.#starts.length >= MAX_WRITES || this.#length >= MAX_BYTES
  }

  get finished() {
    return this.#next === this.#starts.length
  }

  /** When the first write that is not settled was called. */
  get calledAt() {
    return this.#times[this.#next]
  }

  get statements() {
    return [...this.#statements.keys()]
  }

  /** The writes that are not settled. */
  get bytes() {
    return this.#bytes.subarray(this.#starts[this.#next], this.#length)
  }

  /**
   * Adds a write of `count` statements, which `encode` puts down. Returns the place of the first. Nothing of a caller runs
   * meanwhile: its values were read and checked before.
   */
  add(encode, count = 1) {
    const place = this.#places
    this.#starts.push(this.#length)
    this.#times.push(performance.now())
    this.#firsts.push(place)
    this.#places += count
    encode(this)
    return place
  }

  settled(place) {
    return place < this.#settled
  }

  /** How many rows the statement at a place has changed. Throws what it failed with. */
  changes(place) {
    this.#throwFailureOf(place)
    return this.#changes[place]
  }

  /** The last rowid that it has inserted, or 0. Throws what it failed with. */
  rowid(place) {
    this.#throwFailureOf(place)
    return this.#rowids[place]
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

  run({ sql, positional, names, named }) {
    this.#putByte(RUN)
    this.#putLength(this.#indexOf(sql))
    this.#putLength(positional.length + names.length)
    for (const value of positional) this.#putValue(0, value)
    for (let n = 0; n < names.length; n++) this.#putValue(NAMED, named[n], names[n])
  }

  /** All of these or nothing. */
  all(statements) {
    this.#putByte(ALL)
    this.#putLength(statements.length)
    for (const statement of statements) this.run(statement)
  }

  /** Settles the writes that the addon has done. */
  settle({ changes, rowids, bigints, failures }) {
    const first = this.#settled
    for (let n = 0; n < changes.length; n++) {
      this.#changes.push(changes[n])
      this.#rowids.push(rowids[n])
    }
    for (const { index, value } of bigints) this.#rowids[first + index] = value
    for (const { index, failure } of failures) this.#failures.set(first + index, failure)
    this.#settled += changes.length
    while (!this.finished && this.#firsts[this.#next] < this.#settled) this.#next++
    // Otherwise a write would be done again, or its outcome be taken for that of another.
    if (this.#settled !== (this.finished ? this.#places : this.#firsts[this.#next])) {
      throw new Error('a bug in sqlock: the outcomes do not fit the writes')
    }
    this.#go()
  }

  /** Rejects the writes up to the first that was called after `instant`. */
  rejectUntil(instant, failure) {
    while (!this.finished && this.calledAt <= instant) {
      this.#failures.set(this.#firsts[this.#next++], failure)
      this.#settled = this.finished ? this.#places : this.#firsts[this.#next]
    }
    this.#changes.length = this.#settled
    this.#rowids.length = this.#settled
    this.#go()
  }

  #throwFailureOf(place) {
    const failure = this.#failures.get(place)
    if (failure !== undefined) throw fromFailure(failure)
  }

  #renewed() {
    return new Promise(resolve => (this.#moveOn = resolve))
  }

  #go() {
    const moveOn = this.#moveOn
    if (!this.finished) this.progress = this.#renewed()
    moveOn()
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

  #putBytes(bytes) {
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
