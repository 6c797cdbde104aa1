/**
 * Calls under way: counted, so that somebody can wait for the last of them.
 */
'use strict'

class Pending {
  #count = 0
  #waiters = []

  /** Counts `promise` until it settles, and returns it. */
  track(promise) {
    this.#count++
    const done = () => {
      if (--this.#count === 0) for (const resolve of this.#waiters.splice(0)) resolve()
    }
    promise.then(done, done)
    return promise
  }

  /** Resolves when none is under way. */
  async drained() {
    while (this.#count > 0) await new Promise(resolve => this.#waiters.push(resolve))
  }
}

module.exports = { Pending }
