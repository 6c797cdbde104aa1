/**
 * A semaphore: a limited number of calls pass at once, and the others wait in the order in which they came.
 */
'use strict'

const { onAbort } = require('../base/abort')

class Semaphore {
  #free
  #waiting = new Set()
  /** The calls that wait, in their order. There is one iterator, since a new one would walk past the places of all that have left. */
  #next = this.#waiting.values()

  /** @param count how many calls pass at once */
  constructor(count) {
    this.#free = count
  }

  /** Passes if there is room, without a wait. */
  tryAcquire() {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  /** Waits until the call may pass. When `signal` aborts, the call leaves at once, and rejects with the reason. */
  acquire(signal) {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(start)
        reject(signal.reason)
      }
      const stop = signal && onAbort(signal, leave)
      const start = () => {
        this.#waiting.delete(start)
        stop?.()
        resolve()
      }
      this.#waiting.add(start)
    })
  }

  /** Makes room: the call that has waited longest passes. */
  release() {
    const { value: start, done } = this.#next.next()
    if (!done) return start()
    this.#next = this.#waiting.values()
    this.#free++
  }
}

module.exports = { Semaphore }
