/**
 * The writes of one DB, in the order of their calls. While a batch of them is with the addon, further ones gather and make
 * up the next: one lock, one COMMIT and one call over the border for all of them.
 *
 * Writes that take the lock themselves are one lane; those that run under a hold are a lane of that hold, and each
 * transaction is one: in one lane with the others, a write inside withWriteLock would wait behind one that waits for that very
 * lock. The lanes never meet at the writing connection, since only the holder uses it.
 *
 * Each call has a deadline: `timeout` ms without the lock since the later of its call and the last batch of this DB. So any
 * number of writes at once succeed on a lock that is otherwise free, and each gives up in time on one that is not.
 */
'use strict'

const { performance } = require('node:perf_hooks')
const { lockAttempt, refusal, writeAttempt } = require('./attempts')
const diagnostics = require('./diagnostics')
const { SqlockError, ruleFailure } = require('./errors')
const { Lane } = require('./lane')
const { Pending } = require('./pending')

/** The hold of a write that takes the lock itself, and the transaction of one that is in none. */
const NONE = 0
const NO_OPTIONS = Object.freeze({})

class WriteQueue {
  #native
  #lock
  #own
  #lanes = new WeakMap()
  #working = new Pending()
  #timeout
  #maxQueue
  #stats
  #committed
  /** When a batch of this DB last had the lock. */
  lastBatchEnd = -Infinity

  /**
   * @param session the native database, the native lock of its directory, how long a write waits for the lock, ms, how many
   * may wait, and who counts
   * @param committed is called with the number of commits of each batch
   */
  constructor({ native, lock, options: { timeout, maxQueue }, stats }, committed) {
    this.#native = native
    this.#lock = lock
    this.#timeout = timeout
    this.#maxQueue = maxQueue
    this.#stats = stats
    this.#committed = committed
    this.#own = new Lane(this)
  }

  /** How many writes wait for the lock. */
  get waiting() {
    return this.#own.waiting
  }

  /** Adds a write that takes the lock itself. Returns `{ batch, place }`, see Batch.add. */
  write(encode, options) {
    if (this.#maxQueue !== Infinity && this.waiting >= this.#maxQueue) {
      throw new SqlockError('ERR_SQLOCK_QUEUE_FULL', `${this.#maxQueue} writes of this DB wait already`)
    }
    return this.writeIn(this.#own, encode, options)
  }

  /**
   * Adds a write to a lane.
   *
   * @param options how long it waits for the lock, ms; what calls it off; how many statements it has
   */
  writeIn(lane, encode, { timeout = this.#timeout, signal, count } = NO_OPTIONS) {
    return lane.write(encode, timeout, signal, count)
  }

  /** Waits for a hold, in the order of the writes; resolves to its number. */
  async acquire(timeout, signal) {
    const calledAt = performance.now()
    const hold = await this.#own.acquire(ms => lockAttempt(this.#lock, ms, signal), timeout, signal)
    const waitMs = performance.now() - calledAt
    this.#stats.waited(waitMs)
    if (diagnostics.lock.hasSubscribers) diagnostics.tellAcquired(this.#lock, waitMs)
    return hold
  }

  /** The lane of what runs under a hold, in no transaction. */
  laneOf(hold) {
    let lane = this.#lanes.get(hold)
    if (!lane) this.#lanes.set(hold, (lane = this.laneIn({ hold, transaction: NONE })))
    return lane
  }

  /** A lane of its own for what runs in a transaction. */
  laneIn(level) {
    return new Lane(this, level)
  }

  /** Gives a batch to the addon. */
  start(batch, level, ms) {
    const [hold, transaction] = level ? [level.hold.id, level.transaction] : [NONE, NONE]
    batch.startedAt = diagnostics.batch.hasSubscribers ? performance.now() : undefined
    const submission = this.#native.write(hold, transaction, ms, batch.statements, batch.bytes)
    return writeAttempt(submission, batch.signal)
  }

  /** Takes a batch whose hold has ended before it was written: it takes the lock like anybody, but not without its transaction. */
  adopt(batch, { transaction }) {
    if (transaction === NONE) this.#own.add(batch)
    else batch.rejectUntil(Infinity, ruleFailure('ERR_SQLOCK_NOT_HELD', 'the transaction has ended'))
  }

  /** Rejects what waits for the lock. */
  refuseWaiting(failure) {
    this.#own.clear(failure, false)
  }

  /** Resolves when nothing is left to do in any lane. */
  drained() {
    return this.#working.drained()
  }

  /** Counts what a lane does until it has nothing left to do. */
  track(working) {
    this.#working.track(working)
  }

  /** A batch, or a part of it, is done. After one that had the lock, those that wait start anew to count. */
  wrote(batch, written) {
    const { commits, waitMs, holdMs } = written
    if (commits > 0) this.#committed(commits)
    if (batch.startedAt !== undefined) diagnostics.tellBatch(this.#native, batch, written)
    if (holdMs === undefined) return
    if (diagnostics.lock.hasSubscribers) {
      diagnostics.tellAcquired(this.#lock, waitMs)
      diagnostics.tellReleased(this.#lock, holdMs)
    }
    this.#stats.waited(waitMs)
    this.#stats.held(holdMs)
    this.lastBatchEnd = performance.now()
    this.#own.extend()
  }

  timedOut(count) {
    this.#stats.timedOut(count)
  }

  /** So many calls will not get the lock. */
  refused(calledAt, calls, failure) {
    if (diagnostics.lock.hasSubscribers) diagnostics.tellRefused(this.#lock, calledAt, calls, failure)
  }

  /** What to reject with what is due. */
  refusal() {
    return refusal(this.#lock)
  }
}

module.exports = { WriteQueue }
