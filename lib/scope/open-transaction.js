/**
 * A transaction from its BEGIN to its COMMIT or ROLLBACK, or a savepoint in one. Each has a lane of its own. While a savepoint is open,
 * the lane of the outer transaction waits, so that sibling savepoints run one after another.
 *
 * BEGIN has no step of its own: the engine begins a transaction with the first thing that is done in it. A step is a hop to a worker and
 * back, and between two awaited writes and their COMMIT there are three already.
 */
'use strict'

const { onAbort, throwIfAborted } = require('../base/abort')
const { SqlockError } = require('../base/errors')
const { aborted } = require('../base/failures')
const { Calls } = require('./calls')
const { Target } = require('./target')

let lastNumber = 0

class OpenTransaction {
  /** The DB it belongs to, and its database. */
  owner
  database
  /** The hold that it runs under. */
  hold
  /** What the engine knows it by; savepoints have that of their transaction. */
  number
  /** Where its writes go. */
  lane
  /** What the calls belong to that are made in it. */
  target
  /** Rejects with the reason of the abort that has ended it. */
  whenAborted
  #outer
  #unscoped
  #queue
  #calls = new Calls()
  /** The savepoint that is open in it. */
  #inner = null
  #ending = null
  #stopListening
  #endTurn
  #onEnd
  #tellAborted
  /** `{ reason }` of the abort that has ended it. */
  #abort = null
  /** The step that begins it, if it has one. */
  #begun
  /** Has a plain read seen to it that it has begun? */
  #hasBegun = false
  #over = false
  #rolledBack = false

  /**
   * @param outer the transaction that it is a savepoint of
   * @param unscoped no scope ends it, but that of its outer one
   * @param endTurn ends its turn in the lane around it
   * @param onEnd is called when it has ended
   */
  constructor({ owner, database, queue, hold, outer, unscoped, endTurn, onEnd }) {
    Object.assign(this, { owner, database, hold })
    this.number = outer ? outer.number : ++lastNumber
    this.whenAborted = new Promise((_, reject) => (this.#tellAborted = reject))
    // Not every caller waits for it.
    this.whenAborted.catch(() => {})
    this.#outer = outer
    if (outer) outer.#inner = this
    this.#unscoped = unscoped
    this.#queue = queue
    this.#endTurn = endTurn
    this.#onEnd = onEnd
    this.lane = queue.laneIn(this)
    this.target = Target.ofTransaction(queue, this, this.#calls)
  }

  get active() {
    return this.#ending === null
  }

  /** Has SQLite rolled it back by itself? Its calls, and its end, then reject with the reason. */
  get isRolledBack() {
    return this.#outer ? this.#outer.isRolledBack : this.#rolledBack
  }

  /** SQLite has rolled it back by itself, with its savepoints and the outer transaction. */
  rolledBack() {
    if (this.#outer) this.#outer.rolledBack()
    else this.#rolledBack = true
  }

  /** Is it a savepoint within `other`, however deep? */
  isWithin(other) {
    for (let outer = this.#outer; outer; outer = outer.#outer) if (outer === other) return true
    return false
  }

  /**
   * An abort of `signal` interrupts it and rolls it back. One that no scope ends listens only until it has begun.
   *
   * @param foreignKeys false: SQLite does not enforce foreign keys until it has ended. If it is given, BEGIN is a step.
   */
  async begin(signal, foreignKeys) {
    try {
      throwIfAborted(signal)
      // Before BEGIN, which may wait for a program that ignores the lock.
      if (signal) this.#stopListening = onAbort(signal, () => this.#abortFor(signal.reason))
      const first = this.#firstStep(foreignKeys)
      if (first) await (this.#begun = this.#step(first))
    } catch (error) {
      this.#end()
      throw this.reasonFor(error)
    }
    if (this.#unscoped) this.#stopListening?.()
    if (this.#abort) {
      await this.rollback()
      this.throwIfAborted()
    }
    // The outer transaction has ended meanwhile and waits for this savepoint.
    if (this.#unscoped && this.#outer?.active === false) await this.rollback()
  }

  #firstStep(foreignKeys) {
    if (!this.#outer) {
      if (foreignKeys === undefined && this.database.isPrepared()) return null
      return foreignKeys === false ? 'beginWithoutForeignKeys' : 'begin'
    }
    if (foreignKeys !== false) return 'savepoint'
    throw new SqlockError(
      'ERR_SQLOCK_TRANSACTION',
      'foreign keys cannot be turned off in a transaction that has begun: call migrate() outside of it'
    )
  }

  /** Before a plain read: begins it on the calling thread if nothing before has. Throws if it cannot begin at once. */
  beginAtOnce() {
    if (this.#outer) return this.#outer.beginAtOnce()
    if (this.#hasBegun) return
    this.database.beginAtOnce(this.hold.id, this.number)
    this.#hasBegun = true
  }

  async commit() {
    this.assertActive()
    this.#ending = this.#commit()
    return this.#ending
  }

  /** Does nothing if it has ended. */
  async rollback() {
    this.#ending ??= this.#rollBack()
    await this.#ending.catch(() => {})
  }

  /** What its caller gets for `error`: the reason of the abort, if there was one. */
  reasonFor(error) {
    return this.#abort ? this.#abort.reason : error
  }

  /** An aborted transaction has not happened, whatever its function returns. */
  throwIfAborted() {
    if (this.#abort) throw this.#abort.reason
  }

  assertActive() {
    if (!this.active) throw new SqlockError('ERR_SQLOCK_NOT_HELD', 'the transaction has ended')
  }

  async #commit() {
    await this.#settleCalls()
    const { unhandled } = this.#calls
    if (unhandled) {
      await this.#undo()
      throw unhandled.error
    }
    try {
      if (this.#isUsed) await this.#step(this.#outer ? 'release' : 'commit')
    } finally {
      this.#end()
    }
  }

  async #rollBack() {
    await this.#settleCalls()
    await this.#undo()
  }

  async #undo() {
    try {
      // Without a savepoint, ROLLBACK TO would undo the outer one, which has the same name.
      const stands =
        !this.#outer ||
        (await this.#begun?.then(
          () => true,
          () => false
        ))
      if (stands && this.#isUsed) await this.#step(this.#outer ? 'undo' : 'rollback')
    } finally {
      this.#end()
    }
  }

  /** Can anything have begun it? */
  get #isUsed() {
    return this.#hasBegun || this.lane.isUsed
  }

  async #settleCalls() {
    const inner = this.#inner
    if (inner && inner.#unscoped) await inner.rollback()
    await this.#calls.drained()
  }

  /** Does not wait for its calls, since one of them may be a callback that hangs. */
  #abortFor(reason) {
    if (!this.active) return
    this.#abort = { reason }
    if (this.#inner) this.#inner.#abortFor(reason)
    this.lane.clear(aborted(reason))
    this.#ending = this.#undo()
    const tell = () => this.#tellAborted(reason)
    this.#ending.then(tell, tell)
  }

  #end() {
    if (this.#over) return
    this.#over = true
    this.#stopListening?.()
    if (this.#outer) this.#outer.#inner = null
    this.#endTurn()
    this.#onEnd?.()
  }

  async #step(step) {
    const { batch, place } = this.#queue.writeIn(this.lane, encoder => encoder.control(step))
    await batch.outcome(place, () => batch.changes(place))
  }
}

module.exports = { OpenTransaction }
