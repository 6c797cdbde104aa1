/**
 * Writes that go to the addon together, encoded at their calls, and what came of them.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { now } = require('../base/clock')
const { fromFailure } = require('../base/failures')

/** A larger batch would keep the event loop busy with its promises, or with its bytes. */
const MAX_WRITES = 4096
const MAX_BYTES = 2 ** 20

/**
 * The statements of a batch have places, in the order of their calls, and are settled in that order.
 *
 * What a caller waits for hangs on one promise for all of them, by a plain `then`: an async function for each would be twice the
 * memory, and the garbage collector takes as long as everything else when 20,000 are under way.
 */
class Batch {
  /** How long its writes wait for the lock, ms. */
  timeout
  /** Calls it off; a write with a signal has a batch of its own. */
  signal
  /** When it was given to the addon, if somebody listens who is told of it. */
  startedAt
  /** Why what is left of it is not to be written. */
  cancelled
  /** Whose writes they are, when DB objects share a lane. */
  queue
  /**
   * What of it is with the addon, see lib/write/lock-lane.js. A part has its `attempt`, the writes up to `end`, how many of the batch's
   * statements the addon has `known` with it, and what diagnostics tell of it: its own `statements`, and `startedAt`.
   */
  parts = []
  /** Does somebody settle the parts? */
  followed = false
  /** What a lane under a hold calls when nothing of it is left, and when it does not wait any more. */
  finish
  stopListening
  /** @type {Engine.Encoder} */
  #encoder
  /** Of each write: where it begins, when it was called, and its first place. */
  #starts = []
  #times = []
  #firsts = []
  #places = 0
  /** The first write, and the first place, that is not settled. */
  #next = 0
  #settled = 0
  /** The first write that was not handed over in a part. */
  #sent = 0
  /** Of each place that is settled. */
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

  /** How many writes it has, and how many of them are settled. */
  get size() {
    return this.#starts.length
  }

  get done() {
    return this.#next
  }

  /** Is something of it in no part yet? */
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

  /** The writes that are not settled. */
  get bytes() {
    return this.#encoder.bytesFrom(this.#starts[this.#next])
  }

  /** Takes what is in no part yet, for one: its bytes, and the texts of its statements, each once. */
  takeUnsent() {
    const first = Math.max(this.#sent, this.#next)
    this.#sent = this.#starts.length
    return { bytes: this.#encoder.bytesFrom(this.#starts[first]), texts: this.#encoder.takeUsed() }
  }

  /**
   * Adds a write of `count` statements, which `encode` puts down. Returns the place of the first. When `encode` throws, the batch
   * stays as it was: the other writes in it belong to other calls.
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

  /** Resolves to what `read` makes of this batch and a place, once that is settled. */
  outcome(place, read) {
    return this.#progress.then(() => (place < this.#settled ? read(this, place) : this.outcome(place, read)))
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

  /** Takes out the rows that it has returned, if they were asked for. Throws what it failed with. */
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
  settle({ changes, rowids, bigints, failures, returned }) {
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
    // Otherwise a write would be done again, or its outcome be taken for that of another.
    if (this.#settled !== (this.finished ? this.#places : this.#firsts[this.#next])) {
      throw new Error('a bug in sqlock: the outcomes do not fit the writes')
    }
    this.#go()
  }

  /** Rejects the writes up to the first that was called after `instant`. */
  rejectUntil(instant, failure) {
    this.#rejectWhile(() => this.calledAt <= instant, failure)
  }

  /** Rejects so many of its first writes as are not settled. */
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
