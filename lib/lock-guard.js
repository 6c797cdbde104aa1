/**
 * Proof of a hold.
 */
'use strict'

class LockGuard {
  #hold
  #locker

  /** The guard keeps its locker from being garbage-collected. */
  constructor(hold, locker) {
    this.#hold = hold
    this.#locker = locker
  }

  get held() {
    return this.#hold.held
  }

  /** Empties the lock file and gives the lock back, at once. Idempotent, and never ends a later hold of the locker. */
  async release() {
    if (this.held) await this.#locker.unlock()
  }

  async [Symbol.asyncDispose]() {
    await this.release()
  }
}

module.exports = { LockGuard }
