/**
 * The calls that belong to a transaction. It ends after them; and one that fails without anybody having asked for its outcome
 * is not to be lost: the transaction fails with it.
 */
'use strict'

const { Pending } = require('../base/pending')

class Calls {
  #pending = new Pending()
  #failed = []

  /** Counts `promise` until it settles. Returns one for the caller. */
  track(promise) {
    const call = { handled: false, error: undefined, promise: this.#watch(promise, () => call) }
    // Whoever asks for an outcome, by `await` or by `then`, looks this up. A subclass of Promise would be told as well, but cost
    // the error the stack of its caller.
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

  /** The first failure that nobody has asked for, as `{ error }`. */
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

/** Keeps Node from calling a failure unhandled: the transaction tells of it. */
function hush(call) {
  if (call.handled) return
  call.promise.catch(() => {})
  call.handled = false
}

module.exports = { Calls }
