/**
 * Proof of a hold.
 */
'use strict'

class LockGuard {
  #hold
  // oxlint-disable-next-line no-unused-private-class-members -- keeps the locker from being garbage-collected
  #locker

  constructor(hold, locker) {
    this.#hold = hold
    this.#locker = locker
  }

  get held() {
    return this.#hold.held
  }

  /** Empties the lock file and gives the lock back, at once. Idempotent, and never ends another hold of the locker. */
  async release() {
    this.#hold.release()
  }

  async [Symbol.asyncDispose]() {
    await this.release()
  }
}

module.exports = { LockGuard }
