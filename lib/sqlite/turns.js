/**
 * Turns: a number of calls have one at once, and the others wait in the order in which they came.
 */
'use strict'

const { onAbort } = require('../base/abort')

class Turns {
  #free
  #waiting = new Set()
  /** The calls that wait, in their order. One iterator for all: a new one would go past the places of all that have left. */
  #next = this.#waiting.values()

  /** @param count how many calls have a turn at once */
  constructor(count) {
    this.#free = count
  }

  /** Takes a turn if one is free. `end()` ends it. */
  tryTake() {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  /** Waits for a turn. When `signal` aborts, the call leaves at once, and rejects with the reason. */
  wait(signal) {
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

  /** Ends a turn: the call that has waited longest gets it. */
  end() {
    const { value: start, done } = this.#next.next()
    if (!done) return start()
    this.#next = this.#waiting.values()
    this.#free++
  }
}

module.exports = { Turns }
