/**
 * Counts what a DB does, and how long it waits for the lock and holds it.
 */
'use strict'

const GRANTS = 1024

/** The last so many durations, ms. */
class Durations {
  #last = new Float64Array(GRANTS)
  #count = 0

  add(ms) {
    this.#last[this.#count++ % GRANTS] = ms
  }

  summary() {
    const count = Math.min(this.#count, GRANTS)
    if (count === 0) return { p50: 0, p99: 0, max: 0 }
    const sorted = this.#last.subarray(0, count).toSorted()
    const rank = share => sorted[Math.max(0, Math.ceil(share * count) - 1)]
    return { p50: rank(0.5), p99: rank(0.99), max: rank(1) }
  }
}

class Stats {
  #writes = 0
  #commits = 0
  #lockTimeouts = 0
  #waits = new Durations()
  #holds = new Durations()

  /** A write has resolved. */
  wrote() {
    this.#writes++
  }

  committed(commits) {
    this.#commits += commits
  }

  timedOut(count) {
    this.#lockTimeouts += count
  }

  waited(ms) {
    this.#waits.add(ms)
  }

  held(ms) {
    this.#holds.add(ms)
  }

  summary() {
    return {
      writes: this.#writes,
      commits: this.#commits,
      lockTimeouts: this.#lockTimeouts,
      lockWait: this.#waits.summary(),
      lockHold: this.#holds.summary()
    }
  }
}

module.exports = { Stats }
