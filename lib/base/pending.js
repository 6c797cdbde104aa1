/**
 * Counts calls that are under way, so that a caller can wait until all have settled.
 */
'use strict'

class Pending {
  #count = 0
  #waiters = []

  /**
   * Counts `promise` until it settles. The caller awaits the returned promise instead: if two awaited the same one, an error would lose
   * the stack of its caller.
   */
  async track(promise) {
    this.#count++
    try {
      return await promise
    } finally {
      if (--this.#count === 0) for (const resolve of this.#waiters.splice(0)) resolve()
    }
  }

  /** Resolves when no call is under way. */
  async drained() {
    while (this.#count > 0) await new Promise(resolve => this.#waiters.push(resolve))
  }
}

module.exports = { Pending }
