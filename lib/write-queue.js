/**
 * The writes of one DB, in the order of their calls. While a batch of them is with the addon, further ones gather and make
 * up the next: one lock, one COMMIT and one call over the border for all of them.
 *
 * Writes that take the lock themselves are one lane; those that run under a hold are a lane of that hold: in one lane with
 * the others, a write inside withWriteLock would wait behind one that waits for that very lock. The lanes never meet at the
 * writing connection, since only the holder uses it.
 *
 * Each call has a deadline: `timeout` ms without the lock since the later of its call and the last batch of this DB. So any
 * number of writes at once succeed on a lock that is otherwise free, and each gives up in time on one that is not.
 */
'use strict'

const { performance } = require('node:perf_hooks')
const { refusal, writeAttempt } = require('./attempts')
const { Lane } = require('./lane')
const { Pending } = require('./pending')

/** The hold of a write that takes the lock itself. */
const NO_HOLD = 0
const NO_OPTIONS = Object.freeze({})

class WriteQueue {
  #lock
  #own
  #lanes = new WeakMap()
  #working = new Pending()
  #submit
  #timeout
  /** When a batch of this DB last had the lock. */
  lastBatchEnd = -Infinity

  /**
   * @param lock the native lock of the directory
   * @param submit gives a batch to the addon: the hold it runs under, ms until its deadline, SQL texts, bytes
   * @param timeout how long a write waits for the lock, ms
   */
  constructor(lock, submit, timeout) {
    this.#lock = lock
    this.#submit = submit
    this.#timeout = timeout
    this.#own = new Lane(this)
  }

  /**
   * Adds a write, see Batch.add. Returns `{ batch, place }`.
   *
   * @param hold the hold it runs under, if there is one
   * @param options how long it waits for the lock otherwise, ms; what makes it leave the queue; see Batch.add
   */
  write(encode, hold, { timeout = this.#timeout, signal, count } = NO_OPTIONS) {
    return this.#lane(hold).write(encode, timeout, signal, count)
  }

  /** Waits for a hold, in the order of the writes. `start` makes the attempt and heeds the signal from then on. */
  acquire(start, timeout, signal) {
    return this.#own.acquire({ start, timeout, signal })
  }

  /** Gives a batch to the addon. */
  start(batch, hold, ms) {
    const id = hold ? hold.id : NO_HOLD
    return writeAttempt(this.#submit(id, ms, batch.statements, batch.bytes), batch.signal)
  }

  /** Takes a batch whose hold has ended before it was written: it takes the lock like anybody. */
  adopt(batch) {
    this.#own.add(batch)
  }

  /** Resolves when nothing is left to do in any lane. */
  drained() {
    return this.#working.drained()
  }

  /** Counts what a lane does until it has nothing left to do. */
  track(working) {
    this.#working.track(working)
  }

  /** A batch has had the lock: those that wait start anew to count. */
  wrote() {
    this.lastBatchEnd = performance.now()
    this.#own.extend()
  }

  /** What to reject with what is due. */
  refusal() {
    return refusal(this.#lock)
  }

  #lane(hold) {
    if (!hold) return this.#own
    let lane = this.#lanes.get(hold)
    if (!lane) this.#lanes.set(hold, (lane = new Lane(this, hold)))
    return lane
  }
}

module.exports = { WriteQueue }
