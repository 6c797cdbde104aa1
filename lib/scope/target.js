/**
 * What a call belongs to: the DB itself, a hold of the lock, or an open transaction. A call finds its target when it is made, by the
 * scope that it is made in.
 */
'use strict'

const { SqlockError } = require('../base/errors')

/** The number of a transaction that there is not. */
const NO_TRANSACTION = 0

class Target {
  /** The hold that its calls run under; null for the DB itself. */
  hold
  /** The open transaction; null for the DB itself, and for a hold. */
  transaction
  #queue
  #lane
  #calls
  #checkWrite

  constructor(queue, { hold = null, transaction = null, lane = null, calls = null, checkWrite = null }) {
    this.#queue = queue
    this.hold = hold
    this.transaction = transaction
    this.#lane = lane
    this.#calls = calls
    this.#checkWrite = checkWrite
  }

  /** Its writes take the lock themselves. */
  static ofDatabase(queue) {
    return new Target(queue, {})
  }

  /**
   * Its writes run under the hold, each in a transaction of its own.
   *
   * @param scope what ends after its calls, and the hold with it
   * @param checkWrite throws if a write would wait for itself
   */
  static ofHold(queue, { hold, pending }, checkWrite) {
    return new Target(queue, { hold, lane: queue.laneOf(hold), calls: pending, checkWrite })
  }

  /** Its writes run in the transaction, or in the savepoint that it is. */
  static ofTransaction(queue, transaction, calls) {
    const { hold, lane } = transaction
    return new Target(queue, { hold, transaction, lane, calls })
  }

  /** Adds a write. Returns `{ batch, place }`, see Batch. */
  write(encode, options) {
    this.#assertUsable()
    return this.#lane ? this.#queue.writeIn(this.#lane, encode, options) : this.#queue.write(encode, options)
  }

  /** Does a plain read: `work` gets the number of the transaction. */
  read(work) {
    const { transaction } = this
    if (!transaction) return work(NO_TRANSACTION)
    transaction.assertActive()
    if (this.#lane.busy) {
      throw new SqlockError(
        'ERR_SQLOCK_BUSY',
        'a write of this transaction is unfinished: await it before a plain read'
      )
    }
    transaction.beginAtOnce()
    return work(transaction.number)
  }

  /** Counts a call that was made here, since a scope or a transaction ends after its calls. Returns a promise for the caller. */
  track(promise) {
    const counts = this.#calls && (!this.transaction || this.transaction.active)
    return counts ? this.#calls.track(promise) : promise
  }

  /** Waits for a time in which nothing else is done here; resolves to how to end it. See Lane.turn. */
  async turn(options) {
    this.#assertUsable()
    return this.#queue.turnIn(this.#lane, options)
  }

  #assertUsable() {
    this.transaction?.assertActive()
    this.#checkWrite?.()
  }
}

module.exports = { Target }
