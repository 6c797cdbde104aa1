/**
 * Writes on their way to the engine, encoded at their calls, and the outcomes that come back for them.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { now } = require('../base/clock')
const { fromFailure } = require('../base/failures')

/** A larger batch would keep the event loop busy with its promises, or with its bytes. */
const MAX_WRITES = 4096
const MAX_BYTES = 2 ** 20

const NONE = Object.freeze([])

/**
 * The statements of a batch have places, in the order of their calls, and are settled in that order.
 *
 * All callers wait for one promise of the batch, by a plain `then`. An async function for each caller would take twice the memory, and
 * with 20,000 writes under way the garbage collector already takes half of the time.
 */
class Batch {
  /** How long its writes wait for the lock, ms. */
  timeout
  /** Cancels it. A write with a signal has a batch of its own. */
  signal
  /** When it was given to the engine; undefined if nobody subscribes to the diagnostics. */
  startedAt
  /** The failure for its remaining writes, which must not run any more. */
  cancelled
  /** The write queue that it came from, in a lane that several DB objects share. */
  queue
  /**
   * The parts that the engine has got, see lib/write/lock-lane.js. A part has an `attempt`; `end`, the number of its last write plus
   * one; `known`, the number of SQL texts of the batch that the engine has by then; and for the diagnostics its own `statements`, and
   * `startedAt`.
   */
  parts = []
  /** Has the loop begun that settles the parts? */
  followed = false
  /** Set by a lane under a hold: called when the batch is settled, and when it waits no more. */
  finish
  stopListening
  /** @type {Engine.Encoder} */
  #encoder
  /** For each write: where its bytes begin, when it was called, and the place of its first statement. */
  #starts = []
  #times = []
  #firsts = []
  #places = 0
  /** The first write, and the first place, that are not settled. */
  #next = 0
  #settled = 0
  /** The first write that is in no part yet. */
  #sent = 0
  /** For each place that is settled. */
  #changes = []
  #rowids = []
  #returned = null
  #failures = null
  #moveOn
  /** Resolves when more is settled. */
  #progress = this.#renewed()

  /** @param encoder an empty one of the engine */
  constructor(encoder, timeout, signal) {
    this.#encoder = encoder
    this.timeout = timeout
    this.signal = signal
  }

  get full() {
    return this.#starts.length >= MAX_WRITES || this.#encoder.length >= MAX_BYTES
  }

  get finished() {
    return this.left === 0
  }

  /** How many writes are not settled. */
  get left() {
    return this.#starts.length - this.#next
  }

  /** How many writes it has. `done`: how many of them are settled. */
  get size() {
    return this.#starts.length
  }

  get done() {
    return this.#next
  }

  /** Has it writes that are in no part yet? */
  get unsent() {
    return this.#sent < this.#starts.length
  }

  /** When its first write was called. */
  get begunAt() {
    return this.#times[0]
  }

  /** When the first write that is not settled was called. */
  get calledAt() {
    return this.#times[this.#next]
  }

  get statements() {
    return this.#encoder.statements
  }

  /** The bytes of the writes that are not settled. */
  get bytes() {
    return this.#encoder.bytesFrom(this.#starts[this.#next])
  }

  /** Takes the writes that are in no part yet, to make a part of them: their bytes, and their SQL texts, each once. */
  takeUnsent() {
    const first = Math.max(this.#sent, this.#next)
    this.#sent = this.#starts.length
    return { bytes: this.#encoder.bytesFrom(this.#starts[first]), texts: this.#encoder.takeUsed() }
  }

  /**
   * Adds a write of `count` statements, which `encode` writes to the encoder. Returns the place of the first one. If `encode` throws,
   * the batch stays as it was, since its other writes belong to other calls.
   */
  add(encode, count = 1) {
    const start = this.#encoder.length
    this.#encoder.put(encode)
    const place = this.#places
    this.#starts.push(start)
    this.#times.push(now())
    this.#firsts.push(place)
    this.#places += count
    return place
  }

  /** Resolves to `read(batch, place)` when that place is settled. */
  outcome(place, read) {
    return this.#progress.then(() => (place < this.#settled ? read(this, place) : this.outcome(place, read)))
  }

  /** How many rows the statement at a place has changed. Throws its error if it has failed, like the next two. */
  changes(place) {
    this.#throwFailureOf(place)
    return this.#changes[place]
  }

  /** The last rowid that it has inserted, or 0. */
  rowid(place) {
    this.#throwFailureOf(place)
    return this.#rowids[place]
  }

  /** Takes out the rows that it has returned, if they were asked for. */
  takeRows(place) {
    this.#throwFailureOf(place)
    const rows = this.#returned?.get(place)
    // The batch may live on for other writes, and must not keep them alive.
    this.#returned?.delete(place)
    return rows
  }

  /**
   * Settles the writes that the engine has done.
   *
   * @param {Engine.Outcomes} outcomes
   */
  settle({ changes, rowids, bigints = NONE, failures = NONE, returned = NONE }) {
    const first = this.#settled
    for (let n = 0; n < changes.length; n++) {
      this.#changes.push(changes[n])
      this.#rowids.push(rowids[n])
    }
    for (const { index, value } of bigints) this.#rowids[first + index] = value
    for (const { index, rows } of returned) (this.#returned ??= new Map()).set(first + index, rows)
    for (const { index, failure } of failures) this.#fail(first + index, failure)
    this.#settled += changes.length
    while (!this.finished && this.#firsts[this.#next] < this.#settled) this.#next++
    // Otherwise a write would run twice, or its caller would get the outcome of another one.
    if (this.#settled !== (this.finished ? this.#places : this.#firsts[this.#next])) {
      throw new Error('a bug in sqlock: the outcomes do not fit the writes')
    }
    this.#go()
  }

  /** Rejects the writes up to the first that was called after `instant`. */
  rejectUntil(instant, failure) {
    this.#rejectWhile(() => this.calledAt <= instant, failure)
  }

  /** Rejects the unsettled writes before number `end`. */
  rejectTo(end, failure) {
    this.#rejectWhile(() => this.#next < end, failure)
  }

  #rejectWhile(concerns, failure) {
    while (!this.finished && concerns()) {
      this.#fail(this.#firsts[this.#next++], failure)
      this.#settled = this.finished ? this.#places : this.#firsts[this.#next]
    }
    this.#changes.length = this.#settled
    this.#rowids.length = this.#settled
    this.#go()
  }

  #fail(place, failure) {
    this.#failures ??= new Map()
    this.#failures.set(place, failure)
  }

  #throwFailureOf(place) {
    const failure = this.#failures?.get(place)
    if (failure !== undefined) throw fromFailure(failure)
  }

  #renewed() {
    return new Promise(resolve => (this.#moveOn = resolve))
  }

  #go() {
    const moveOn = this.#moveOn
    if (!this.finished) this.#progress = this.#renewed()
    moveOn()
  }
}

module.exports = { Batch }
