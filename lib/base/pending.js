/**
 * Calls under way: counted, so that somebody can wait for the last of them.
 */
'use strict'

class Pending {
  #count = 0
  #waiters = []

  /**
   * Counts `promise` until it settles. Returns one for whoever waits for it: with two who wait for the same, an error would lose
   * the stack of its caller, and one that nobody else asks for would be lost.
   */
  async track(promise) {
    this.#count++
    try {
      return await promise
    } finally {
      if (--this.#count === 0) for (const resolve of this.#waiters.splice(0)) resolve()
    }
  }

  /** Resolves when none is under way. */
  async drained() {
    while (this.#count > 0) await new Promise(resolve => this.#waiters.push(resolve))
  }
}

module.exports = { Pending }
