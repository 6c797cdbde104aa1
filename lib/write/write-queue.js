/**
 * The writes of one DB, in lanes, each in the order of its calls. Writes and holds that wait for the lock by themselves are one lane
 * (lib/write/lock-lane.js). Writes under a hold are a lane of that hold, and each transaction has one (lib/write/lane.js): in one lane for
 * all, a write inside withWriteLock() would wait behind a write that waits for that very lock. Lanes never use the writing connection
 * at the same time, since only the holder of the lock uses it.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { now } = require('../base/clock')
const diagnostics = require('../base/diagnostics')
const { SqlockError } = require('../base/errors')
const { ruleFailure } = require('../base/failures')
const { Pending } = require('../base/pending')
const { refusal, writeAttempt } = require('./attempts')
const { Batch } = require('./batch')
const { Lane } = require('./lane')
const { LockLane } = require('./lock-lane')

/** The transaction of a write that is in none. */
const NONE = 0

/** The lanes of each hold, with the file that they are for. */
const lanesOf = new WeakMap()

class WriteQueue {
  /** @type {Engine.Database} */
  #database
  /** @type {Engine.Lock} */
  lock
  #own
  #lanes = new WeakMap()
  #working = new Pending()
  /** The options of a call that is given none. */
  #defaults
  #maxQueue
  #stats
  #committed

  /**
   * @param session the database, the lock of its directory, the options of the DB, and its counters
   * @param committed is called with the number of commits of each batch
   */
  constructor({ database, lock, options: { timeout, maxQueue }, stats }, committed) {
    this.#database = database
    this.lock = lock
    this.#defaults = Object.freeze({ timeout })
    this.#maxQueue = maxQueue
    this.#stats = stats
    this.#committed = committed
    this.#own = new LockLane(this)
  }

  /** How many writes and holds wait for the lock. */
  get waiting() {
    return this.#own.waiting
  }

  /** Adds a write that takes the lock itself. Returns `{ batch, place }`, see Batch.add. */
  write(encode, options = this.#defaults) {
    this.#checkRoom()
    return this.#own.write(encode, options)
  }

  /**
   * Adds a write to a lane under a hold.
   *
   * @param options `timeout`: how long it waits there, ms; `signal`; `count`: how many statements it has, 1 unless given
   */
  writeIn(lane, encode, options = this.#defaults) {
    return lane.write(this, encode, options)
  }

  /** Waits for a turn in a lane under a hold, see Lane.turn. */
  turnIn(lane, options) {
    return lane.turn(this, options)
  }

  /** Waits for a hold, in the order of the writes; resolves to its number. */
  async acquire(options) {
    this.#checkRoom()
    const calledAt = now()
    const hold = await this.#own.acquire(options)
    const waitMs = now() - calledAt
    this.#stats.waited(waitMs)
    if (diagnostics.lock.hasSubscribers) diagnostics.tellAcquired(this.lock, waitMs)
    return hold
  }

  /** The lane of what runs under a hold, in no transaction. DB objects on one file share it. */
  laneOf(hold) {
    let lane = this.#lanes.get(hold)
    if (!lane) this.#lanes.set(hold, (lane = this.#sharedLane(hold)))
    return lane
  }

  #sharedLane(hold) {
    if (!lanesOf.has(hold)) lanesOf.set(hold, [])
    const lanes = lanesOf.get(hold)
    let shared = lanes.find(({ database }) => database.isFileOf(this.#database))
    if (!shared)
      lanes.push((shared = { database: this.#database, lane: this.laneIn({ hold, number: NONE }) }))
    return shared.lane
  }

  #checkRoom() {
    if (this.#maxQueue !== Infinity && this.waiting >= this.#maxQueue) {
      throw new SqlockError(
        'ERR_SQLOCK_QUEUE_FULL',
        `${this.#maxQueue} calls of this DB wait for the lock already`
      )
    }
  }

  /** A lane of its own for what runs in a transaction. */
  laneIn(context) {
    return new Lane(context)
  }

  newBatch(timeout, signal) {
    return new Batch(this.#database.newEncoder(), timeout, signal)
  }

  /** Gives a batch to the engine that runs under a hold. */
  start(batch, { hold, number: transaction }) {
    batch.startedAt = diagnostics.startOfBatch()
    const { statements, bytes } = batch
    const submission = this.#database.write({ hold: hold.id, transaction, statements, bytes })
    return writeAttempt(submission, { signal: batch.signal, isBehind: false })
  }

  /** Puts a part of a batch into the queue of the lock. */
  submit(batch, statements, bytes, isBehind) {
    const submission = this.#database.write({ timeoutMs: batch.timeout, statements, bytes })
    return writeAttempt(submission, { signal: batch.signal, isBehind })
  }

  /** Takes a batch whose hold has ended before it was written. It waits for the lock by itself, unless it belongs to a transaction. */
  requeue(batch, { number }) {
    if (number === NONE) this.#own.requeue(batch)
    else batch.rejectUntil(Infinity, ruleFailure('ERR_SQLOCK_NOT_HELD', 'the transaction has ended'))
  }

  /** Rejects what waits for the lock. */
  refuseWaiting(failure) {
    this.#own.clear(failure)
  }

  /** Resolves when all lanes have finished. */
  drained() {
    return this.#working.drained()
  }

  /** Counts the work of a lane until it is done, see drained(). */
  track(working) {
    return this.#working.track(working)
  }

  /** A batch is done, or a part of one. */
  wrote(batch, outcomes) {
    const { commits, waitMs, holdMs } = outcomes
    if (commits > 0) this.#committed(commits)
    if (batch.startedAt !== undefined) diagnostics.tellBatch(this.#database, batch, outcomes)
    if (holdMs === undefined) return
    if (diagnostics.lock.hasSubscribers) {
      diagnostics.tellAcquired(this.lock, waitMs)
      diagnostics.tellReleased(this.lock, holdMs)
    }
    this.#stats.waited(waitMs)
    this.#stats.held(holdMs)
  }

  timedOut(count) {
    this.#stats.timedOut(count)
  }

  /** So many calls will not get the lock. */
  refused(calledAt, calls, failure) {
    if (diagnostics.lock.hasSubscribers) diagnostics.tellRefused(this.lock, calledAt, calls, failure)
  }

  /** The failure for a call whose time is over. */
  refusal() {
    return refusal(this.lock)
  }
}

module.exports = { WriteQueue }
