/**
 * The calls that were made in a transaction. The transaction ends after them. If a call fails and its promise was never awaited, its
 * error must not get lost: the transaction fails with it.
 */
'use strict'

const { Pending } = require('../base/pending')

class Calls {
  #pending = new Pending()
  #failed = []

  /** Counts `promise` until it settles. Returns one for the caller. */
  track(promise) {
    const call = { handled: false, error: undefined, promise: this.#watch(promise, () => call) }
    // `await` and `then` both read this property. A subclass of Promise would notice them, too, but the error would lose the stack of
    // its caller.
    Object.defineProperty(call.promise, 'constructor', {
      get() {
        call.handled = true
        return Promise
      }
    })
    return call.promise
  }

  /** Resolves when none is under way. */
  drained() {
    return this.#pending.drained()
  }

  /** The first failure of a promise that was never awaited, as `{ error }`. */
  get unhandled() {
    return this.#failed.find(call => !call.handled)
  }

  async #watch(promise, call) {
    try {
      return await this.#pending.track(promise)
    } catch (error) {
      this.#failed.push(Object.assign(call(), { error }))
      queueMicrotask(() => hush(call()))
      throw error
    }
  }
}

/** Keeps Node from reporting an unhandled rejection: the transaction rejects with the error. */
function hush(call) {
  if (call.handled) return
  call.promise.catch(() => {})
  call.handled = false
}

module.exports = { Calls }
