/**
 * The writes of one DB, in the order of their calls, one native submission at a time.
 *
 * Writes that take the lock themselves are one lane; those that run under a hold are a lane of that hold: in one lane with
 * the others, a write inside withWriteLock would wait behind one that waits for that very lock. The lanes never meet at the
 * writing connection, since only the holder uses it.
 *
 * Each job has a deadline: `timeout` ms without the lock since the later of its call and the last write of this DB that had
 * it. So any number of writes at once succeed on a lock that is otherwise free, and each gives up in time on one that is not.
 */
'use strict'

const { performance } = require('node:perf_hooks')
const { clearTimeout, setTimeout } = require('node:timers')
const { refusal } = require('./attempts')

const TIMER_MAX_MS = 0x7fff_ffff
/** How soon to look again while a write has the lock and nothing can be due. */
const LOOK_AGAIN_MS = 50

class WriteQueue {
  #lock
  #own
  #lanes = new WeakMap()
  /** When a write of this DB last had the lock. */
  lastWriteEnd = -Infinity

  /** @param lock the native lock of the directory */
  constructor(lock) {
    this.#lock = lock
    this.#own = new Lane(this)
  }

  /**
   * Adds a write. Rejected with what the addon tells of a failure.
   *
   * @param start makes the attempt, given the ms that are left until its deadline
   */
  write(start, timeout) {
    return this.#own.add({ start, timeout, writes: true })
  }

  /** Adds a write under `hold`, which has no deadline. */
  writeUnder(hold, start) {
    let lane = this.#lanes.get(hold)
    if (!lane) this.#lanes.set(hold, (lane = new Lane(this)))
    return lane.add({ start, timeout: Infinity, writes: true })
  }

  /** Waits for a hold, in the order of the writes. `start` heeds the signal once it was called. */
  acquire(start, timeout, signal) {
    return this.#own.add({ start, timeout, signal, writes: false })
  }

  /** A write has had the lock: those that wait start anew to count. */
  wrote() {
    this.lastWriteEnd = performance.now()
    this.#own.extend()
  }

  /** What to reject with what is due. */
  refusal() {
    return refusal(this.#lock)
  }
}

class Lane {
  #queue
  #waiting = new Set()
  #current = null
  #attempt = null
  #timer = null
  #due = Infinity

  constructor(queue) {
    this.#queue = queue
  }

  add(job) {
    return new Promise((resolve, reject) => {
      Object.assign(job, { calledAt: performance.now(), resolve, reject })
      if (this.#current) this.#enqueue(job)
      else this.#work(job)
    })
  }

  /** Gives the attempt that waits for the lock a new deadline. */
  extend() {
    if (this.#current) this.#attempt?.extend(this.#remaining(this.#current))
  }

  #enqueue(job) {
    this.#waiting.add(job)
    if (job.signal) {
      job.abort = () => {
        this.#waiting.delete(job)
        job.reject(job.signal.reason)
      }
      job.signal.addEventListener('abort', job.abort, { once: true })
    }
    this.#lookIn(this.#remaining(job))
  }

  #dequeue(job) {
    this.#waiting.delete(job)
    job.signal?.removeEventListener('abort', job.abort)
  }

  #next() {
    const [job] = this.#waiting
    if (job) this.#dequeue(job)
    return job ?? null
  }

  /** Runs jobs until none waits. Up to its first await it runs within the call that brought the first one. */
  async #work(first) {
    for (this.#current = first; this.#current; this.#current = this.#next()) {
      const job = this.#current
      try {
        this.#attempt = job.start(this.#remaining(job))
        const value = await this.#attempt.settled
        if (job.writes) this.#queue.wrote()
        job.resolve(value)
      } catch (failure) {
        // SQLite is asked only under the lock.
        if (failure?.kind === 'sqlite') this.#queue.wrote()
        job.reject(asAskedFor(failure, job))
        if (failure?.kind === 'timeout') this.#rejectDue(failure)
      }
      this.#attempt = null
    }
  }

  #remaining(job) {
    return Math.max(0, Math.max(job.calledAt, this.#queue.lastWriteEnd) + job.timeout - performance.now())
  }

  /** Rejects what is due without having reached the addon. */
  #rejectDue(failure) {
    for (const job of this.#waiting) {
      if (this.#remaining(job) === 0) {
        this.#dequeue(job)
        job.reject(asAskedFor(failure, job))
      }
    }
  }

  /** Looks after those that wait here in `ms`, if not sooner. They are behind an attempt that keeps the process alive. */
  #lookIn(ms) {
    const due = performance.now() + ms
    if (ms > TIMER_MAX_MS || due >= this.#due) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), Math.ceil(ms)).unref()
    this.#due = due
  }

  async #look() {
    this.#due = Infinity
    if (this.#waiting.size === 0) return
    // While a write has the lock, nobody is without it.
    const writing = this.#attempt && !this.#attempt.waiting()
    if (!writing && this.#soonest() === 0) this.#rejectDue(await this.#queue.refusal())
    this.#lookIn(writing ? LOOK_AGAIN_MS : this.#soonest())
  }

  #soonest() {
    let soonest = Infinity
    for (const job of this.#waiting) soonest = Math.min(soonest, this.#remaining(job))
    return soonest
  }
}

/** A timeout tells what the caller was ready to wait, not what was left of it. */
function asAskedFor(failure, job) {
  return failure?.kind === 'timeout' ? { ...failure, timeoutMs: job.timeout } : failure
}

module.exports = { WriteQueue }
