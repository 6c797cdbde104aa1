/**
 * A transaction from its BEGIN to its COMMIT or ROLLBACK, or a savepoint in one. Each is a lane of its own; while a savepoint
 * is open, the lane of the transaction around it waits, so that siblings come one after another.
 */
'use strict'

const { onAbort, throwIfAborted } = require('../base/abort')
const { Calls } = require('./calls')
const { SqlockError } = require('../base/errors')
const { aborted } = require('../base/failures')

let lastNumber = 0

class OpenTransaction {
  /** The DB it belongs to, and its database. */
  owner
  database
  /** The hold that it runs under. */
  hold
  /** What the addon knows it by; savepoints have that of their transaction. */
  transaction
  /** Rejects when an abort has ended it. */
  aborted
  #outer
  #bare
  #queue
  #lane
  #calls = new Calls()
  /** The savepoint that is open in it. */
  #inner = null
  #ending = null
  #stopHeeding
  #endTurn
  #onEnd
  #abort
  #calledOff = null
  /** The step that begins it. */
  #begun
  #over = false
  #rolledBack = false

  /**
   * @param outer the transaction that it is a savepoint of
   * @param bare no scope ends it, but that of its outer one
   * @param endTurn lets the next one in
   * @param onEnd is called when it has ended
   */
  constructor({ owner, database, queue, hold, outer, bare, endTurn, onEnd }) {
    Object.assign(this, { owner, database, hold })
    this.transaction = outer ? outer.transaction : ++lastNumber
    this.aborted = new Promise((_, reject) => (this.#abort = reject))
    // Not everybody waits for it.
    this.aborted.catch(() => {})
    this.#outer = outer
    if (outer) outer.#inner = this
    this.#bare = bare
    this.#queue = queue
    this.#endTurn = endTurn
    this.#onEnd = onEnd
    this.#lane = queue.laneIn(this)
  }

  get active() {
    return this.#ending === null
  }

  /** Has SQLite rolled it back by itself? Its calls, and its end, then reject with the reason. */
  get isRolledBack() {
    return this.#outer ? this.#outer.isRolledBack : this.#rolledBack
  }

  /** SQLite has rolled it back by itself, with all savepoints and what is around them. */
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
   * An abort of `signal` interrupts it and rolls it back; a bare one only until it has begun.
   *
   * @param foreignKeys false: they are off until it has ended
   */
  async begin(signal, foreignKeys) {
    try {
      throwIfAborted(signal)
      // Before BEGIN, which may wait for a program that ignores the lock.
      if (signal) this.#stopHeeding = onAbort(signal, () => this.#callOff(signal.reason))
      this.#begun = this.#step(this.#firstStep(foreignKeys))
      await this.#begun
    } catch (error) {
      this.#end()
      throw this.told(error)
    }
    if (this.#bare) this.#stopHeeding?.()
    if (this.#calledOff) {
      await this.rollback()
      this.throwIfCalledOff()
    }
    // It comes too late, and somebody waits for its end.
    if (this.#bare && this.#outer?.active === false) await this.rollback()
  }

  #firstStep(foreignKeys = true) {
    if (!this.#outer) return foreignKeys ? 'begin' : 'beginWithoutForeignKeys'
    if (foreignKeys) return 'savepoint'
    throw new SqlockError(
      'ERR_SQLOCK_TRANSACTION',
      'foreign keys cannot be turned off in a transaction that has begun: call migrate() outside of it'
    )
  }

  /** Adds a write. Returns `{ batch, place }`. */
  write(encode, options) {
    this.#assertActive()
    return this.#queue.writeIn(this.#lane, encode, options)
  }

  /** Does a plain read, which gets the number of the transaction. */
  read(work) {
    this.#assertActive()
    if (this.#lane.busy) {
      throw new SqlockError(
        'ERR_SQLOCK_BUSY',
        'a write of this transaction is unfinished: await it before a plain read'
      )
    }
    return work(this.transaction)
  }

  /** A call that was issued in it: it ends after it. */
  track(promise) {
    if (!this.active) return promise
    return this.#calls.track(promise)
  }

  /** Waits for its turn, behind what was called before; resolves to how to end it. */
  async turn(timeout, signal, bare) {
    this.#assertActive()
    return this.#queue.turnIn(this.#lane, timeout, signal, bare)
  }

  async commit() {
    this.#assertActive()
    this.#ending = this.#commit()
    return this.#ending
  }

  /** Nothing happens when it has ended. */
  async rollback() {
    this.#ending ??= this.#rollBack()
    await this.#ending.catch(() => {})
  }

  /** What its caller is told when `error` has come up: that it was called off, if it was. */
  told(error) {
    return this.#calledOff ? this.#calledOff.reason : error
  }

  /** What was called off has not happened, whatever its function says. */
  throwIfCalledOff() {
    if (this.#calledOff) throw this.#calledOff.reason
  }

  async #commit() {
    await this.#settleCalls()
    const { unhandled } = this.#calls
    if (unhandled) {
      await this.#undo()
      throw unhandled.error
    }
    try {
      await this.#step(this.#outer ? 'release' : 'commit')
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
      // A savepoint that there is not must not be undone: the one around it has the same name.
      const stands =
        !this.#outer ||
        (await this.#begun?.then(
          () => true,
          () => false
        ))
      if (stands) await this.#step(this.#outer ? 'undo' : 'rollback')
    } finally {
      this.#end()
    }
  }

  async #settleCalls() {
    if (this.#inner?.#bare) await this.#inner.rollback()
    await this.#calls.drained()
  }

  /** Does not wait for its calls: one of them may be a function that hangs. */
  #callOff(reason) {
    if (!this.active) return
    this.#calledOff = { reason }
    this.#inner?.#callOff(reason)
    this.#lane.clear(aborted(reason))
    this.#ending = this.#undo()
    const tell = () => this.#abort(reason)
    this.#ending.then(tell, tell)
  }

  #end() {
    if (this.#over) return
    this.#over = true
    this.#stopHeeding?.()
    if (this.#outer) this.#outer.#inner = null
    this.#endTurn()
    this.#onEnd?.()
  }

  async #step(step) {
    const { batch, place } = this.#queue.writeIn(this.#lane, encoder => encoder.control(step))
    await batch.outcome(place, () => batch.changes(place))
  }

  #assertActive() {
    if (!this.active) throw new SqlockError('ERR_SQLOCK_NOT_HELD', 'the transaction has ended')
  }
}

module.exports = { OpenTransaction }
