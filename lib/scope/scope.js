/**
 * Which hold of the lock the current async flow owns.
 *
 * `withLock`, `withWriteLock` and `transaction` run their function in a scope; writes to the same directory that are issued in
 * its async context run under its hold, and those of the same DB in its transaction. A scope takes no more calls once the function has settled, and the hold ends only when the
 * calls it took have settled too: a timer that outlives the function can never write under a hold that is gone.
 *
 * An active AsyncLocalStorage doubles the price of every await of the process on Node 20 and 22, so it is enabled with the
 * first scope and disabled with the last.
 */
'use strict'

const { AsyncLocalStorage } = require('node:async_hooks')
const { Pending } = require('../base/pending')
const { releaseOrWarn } = require('./hold')

const storage = new AsyncLocalStorage()
let living = 0

class Scope {
  /** Calls that were issued in this scope. */
  pending = new Pending()
  /** Transactions of begin() that were issued in it: they end with it at the latest. */
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
    // One that has ended would keep its own outer ones: a chain without end when each run schedules the next.
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

/** The innermost scope of this async flow that `accepts`. */
function find(accepts) {
  if (living === 0) return undefined
  let scope = storage.getStore()
  while (scope && !(scope.open && accepts(scope))) scope = scope.outer
  return scope
}

/** Is this async flow in no scope at all? */
function outside() {
  return living === 0 || storage.getStore() === undefined
}

/** The scope whose hold is of the directory that `lock` locks. */
function scopeOf(lock) {
  if (outside()) return undefined
  const directory = lock.directory()
  return find(scope => scope.hold.held && scope.hold.directory === directory)
}

/** The innermost scope of this async flow that runs under a hold. */
function scopeUnder(hold) {
  return find(scope => scope.hold === hold)
}

/** The scope of a function of `owner`. */
function scopeOwnedBy(owner) {
  return find(scope => scope.alive && scope.owner === owner)
}

/**
 * The innermost transaction of this async flow that `accepts`. One that has ended before its function is found too: what the
 * function goes on to write is to be refused, and not to be written by itself.
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

/** The same, and gives the lock back. An error of `fn` wins over one of the release, and so does its result. */
async function runAndRelease(owner, hold, fn) {
  try {
    return await runInScope(owner, hold, fn)
  } finally {
    releaseOrWarn(hold)
  }
}

module.exports = { outside, runAndRelease, runInScope, scopeOf, scopeOwnedBy, scopeUnder, transactionIn }
