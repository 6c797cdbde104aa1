/**
 * The holds and transactions of one DB: callbacks that run in them, and transactions of begin(), which their caller ends.
 */
'use strict'

const { SqlockError } = require('../base/errors')
const { settled } = require('../base/failures')
const { Pending } = require('../base/pending')
const { Hold, releaseOrWarn, stackOf } = require('./hold')
const { OpenTransaction } = require('./open-transaction')
const { runAndRelease, runInScope, scopeUnder } = require('./scope')

class Holds {
  #session
  #queue
  /** Callbacks that run under a hold. */
  #callbacks = new Pending()
  /** Transactions that begin() has begun in no scope. */
  #begun = new Set()
  #ending = false

  constructor(session, queue) {
    this.#session = session
    this.#queue = queue
  }

  /** Runs `fn` under the hold of the target, or takes the lock for it. */
  withHold(target, fn, options) {
    const running = target.hold
      ? runInScope(this.#session.owner, target.hold, fn)
      : this.#runUnderHold(fn, options)
    return this.#callbacks.track(running)
  }

  /** A transaction that its caller ends. */
  begin(target, options) {
    const scope = target.hold ? scopeUnder(target.hold) : undefined
    return this.#callbacks.track(this.#begin(target, { ...options, begun: scope?.begun ?? this.#begun }))
  }

  async #begin(target, options) {
    const open = await this.#open(target, options)
    if (options.signal?.aborted) {
      await open.rollback()
      throw options.signal.reason
    }
    // A transaction in a callback that runs may finish with it.
    if (!this.#ending || target.hold) return open
    await open.rollback()
    throw new SqlockError('ERR_SQLOCK_CLOSED', 'the database was closed before the transaction had begun')
  }

  /** Runs `fn` in a transaction, or in a savepoint of the one that is the target. */
  transact(target, fn, options) {
    return this.#callbacks.track(this.#transact(target, fn, options))
  }

  async #runUnderHold(fn, options) {
    return runAndRelease(this.#session.owner, await this.#takeHold(options), fn)
  }

  async #transact(target, fn, options) {
    const open = await this.#open(target, options)
    let value
    try {
      // An abort may have ended it since BEGIN.
      const running = open.active && runInScope(this.#session.owner, open.hold, () => fn(open), open)
      value = await (running ? Promise.race([running, open.whenAborted]) : open.whenAborted)
    } catch (error) {
      await open.rollback()
      throw open.reasonFor(error)
    }
    if (open.active) await open.commit()
    // The callback has ended it itself.
    else await open.rollback()
    open.throwIfAborted()
    return value
  }

  /** @param options `begun`: where a transaction of begin(), which no scope ends, is noted down until it has ended */
  async #open(target, options) {
    const { timeout, signal, foreignKeys, begun } = options
    const unscoped = begun !== undefined
    const own = target.hold ? null : await this.#takeHold(options)
    const [hold, queue] = [own ?? target.hold, this.#queue]
    const turn = own
      ? queue.turnIn(queue.laneOf(own), { timeout })
      : target.turn({ timeout, signal, unscoped })
    const endTurn = await settled(turn)
    const open = new OpenTransaction({
      owner: this.#session.owner,
      database: this.#session.database,
      queue,
      hold,
      outer: target.transaction,
      unscoped,
      endTurn,
      onEnd: () => {
        begun?.delete(open)
        if (own) releaseOrWarn(own)
      }
    })
    begun?.add(open)
    await open.begin(signal, foreignKeys)
    return open
  }

  async #takeHold({ timeout, signal, caller }) {
    const { database, lock, stats } = this.#session
    database.checkWritable()
    const { longHoldMs } = this.#session.options
    const stack = stackOf(longHoldMs, caller)
    const id = await settled(this.#queue.acquire({ timeout, signal }))
    return new Hold(lock, id, { longHoldMs, stack, onRelease: ms => stats.held(ms) })
  }

  /** Rolls back what no callback ends, and resolves when all callbacks have settled. */
  async end() {
    this.#ending = true
    for (const open of this.#begun) open.rollback()
    await this.#callbacks.drained()
  }
}

module.exports = { Holds }
