/**
 * Which hold of the lock, and which transaction, the current async context runs in.
 *
 * `withLock`, `withWriteLock` and `transaction` run their callback in a scope. Writes to the same directory that are made in its async
 * context run under its hold, and those of the same DB in its transaction. A scope takes no calls once its callback has settled. The
 * hold ends when the calls of the scope have settled, too: a timer that outlives the callback can never write under a hold that is gone.
 *
 * An active AsyncLocalStorage makes every await of the process twice as slow on Node 20 and 22. So it is enabled with the first scope
 * and disabled with the last.
 */
'use strict'

const { AsyncLocalStorage } = require('node:async_hooks')
const { Pending } = require('../base/pending')
const { releaseOrWarn } = require('./hold')

const storage = new AsyncLocalStorage()
let living = 0

class Scope {
  /** Calls that were made in this scope. */
  pending = new Pending()
  /** Transactions that begin() has begun in it: they end with it at the latest. */
  begun = new Set()
  #open = true

  /**
   * @param owner the DB or WriteLocker whose function runs in it
   * @param transaction the transaction that it is the scope of, if there is one
   */
  constructor(owner, hold, transaction) {
    this.owner = owner
    this.hold = hold
    this.transaction = transaction
    // A scope that has ended would keep its outer scopes alive: an endless chain if each callback schedules the next one.
    let outer = storage.getStore()
    while (outer && !outer.open) outer = outer.outer
    this.outer = outer
  }

  /** Does its function still run? */
  get open() {
    return this.#open
  }

  /** Does it take further calls? */
  get alive() {
    return this.#open && this.hold.held
  }

  async end() {
    this.#open = false
    do {
      for (const transaction of this.begun) await transaction.rollback()
      await this.pending.drained()
    } while (this.begun.size > 0)
  }
}

/** The innermost scope of this async context that `accepts`. */
function find(accepts) {
  if (living === 0) return undefined
  let scope = storage.getStore()
  while (scope && !(scope.open && accepts(scope))) scope = scope.outer
  return scope
}

/** Is this async context in no scope at all? */
function outside() {
  return living === 0 || storage.getStore() === undefined
}

/** The scope whose hold is of the directory that `lock` locks. */
function scopeOf(lock) {
  if (outside()) return undefined
  const directory = lock.directory()
  return find(scope => scope.hold.held && scope.hold.directory === directory)
}

/** The innermost scope of this async context that runs under `hold`. */
function scopeUnder(hold) {
  return find(scope => scope.hold === hold)
}

/** The scope of a callback of `owner`. */
function scopeOwnedBy(owner) {
  return find(scope => scope.alive && scope.owner === owner)
}

/**
 * The innermost transaction of this async context that `accepts`. A transaction that has ended before its callback is found, too: further
 * writes of the callback must be refused, and not be written outside of the transaction.
 */
function transactionIn(accepts) {
  return find(({ transaction }) => transaction !== undefined && accepts(transaction))?.transaction
}

/** Runs `fn` in a scope; ends when it and all calls issued in it have settled. */
async function runInScope(owner, hold, fn, transaction) {
  const scope = new Scope(owner, hold, transaction)
  living++
  try {
    return await storage.run(scope, async () => fn())
  } finally {
    await scope.end()
    if (--living === 0) storage.disable()
  }
}

/** The same, and gives the lock back. The result or error of `fn` wins over an error of the release. */
async function runAndRelease(owner, hold, fn) {
  try {
    return await runInScope(owner, hold, fn)
  } finally {
    releaseOrWarn(hold)
  }
}

module.exports = { outside, runAndRelease, runInScope, scopeOf, scopeOwnedBy, scopeUnder, transactionIn }
