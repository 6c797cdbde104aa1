/**
 * Batches of writes and waits for holds, one after the other: what one lane of a write queue does.
 */
'use strict'

const { performance } = require('node:perf_hooks')
const { clearTimeout, setTimeout } = require('node:timers')
const { onAbort } = require('./abort')
const { Batch } = require('./batch')
const { aborted, asAskedFor, fromFailure } = require('./errors')
const { warnOfRelease } = require('./hold')

const TIMER_MAX_MS = 0x7fff_ffff
/** How soon to look again while a write has the lock and nothing can be due. */
const LOOK_AGAIN_MS = 50

class Lane {
  #queue
  #hold
  #waiting = new Set()
  /** The last one that waits, when it is a batch that takes more. */
  #open = null
  #current = null
  #attempt = null
  #timer = null
  #due = Infinity

  constructor(queue, hold) {
    this.#queue = queue
    this.#hold = hold
  }

  write(encode, timeout, signal, count) {
    const open = this.#open
    if (open && !open.full && !signal && open.timeout === timeout)
      return { batch: open, place: open.add(encode, count) }
    const batch = new Batch(timeout, signal)
    const place = batch.add(encode, count)
    if (this.add(batch) && !signal) this.#open = batch
    return { batch, place }
  }

  /** Adds a batch; true when it has to wait. */
  add(batch) {
    this.#open = null
    if (!this.#current) {
      this.#queue.track(this.#work(batch))
      return false
    }
    this.#enqueue(batch)
    this.#heed(batch, reason => batch.rejectUntil(Infinity, reason))
    return true
  }

  acquire(wait) {
    return new Promise((resolve, reject) => {
      Object.assign(wait, { calledAt: performance.now(), resolve, reject })
      this.#open = null
      if (!this.#current) this.#queue.track(this.#work(wait))
      else {
        this.#enqueue(wait)
        this.#heed(wait, reject)
      }
    })
  }

  /** Gives the attempt that waits for the lock a new deadline. */
  extend() {
    if (this.#current) this.#attempt?.extend(this.#remaining(this.#current))
  }

  #enqueue(item) {
    this.#waiting.add(item)
    this.#lookIn(this.#remaining(item))
  }

  /** Until its turn comes, an abort takes it out of here. */
  #heed(item, reject) {
    if (!item.signal) return
    item.stopHeeding = onAbort(item.signal, () => {
      this.#dequeue(item)
      reject(aborted(item.signal.reason))
    })
  }

  #dequeue(item) {
    this.#waiting.delete(item)
    if (item === this.#open) this.#open = null
    item.stopHeeding?.()
  }

  #next() {
    const [item] = this.#waiting
    if (item) this.#dequeue(item)
    return item ?? null
  }

  /** Works until nothing waits. Up to its first await it runs within the call that brought the first item. */
  async #work(first) {
    for (this.#current = first; this.#current; this.#current = this.#next()) {
      if (this.#current instanceof Batch) await this.#write(this.#current)
      else await this.#acquire(this.#current)
      this.#attempt = null
    }
  }

  async #write(batch) {
    while (!batch.finished) {
      if (this.#hold && !this.#hold.held) return this.#queue.adopt(batch)
      try {
        const ms = this.#hold ? Infinity : this.#remaining(batch)
        this.#attempt = this.#queue.start(batch, this.#hold, ms)
        const written = await this.#attempt.settled
        batch.settle(written)
        this.#queue.wrote()
        if (written.warning) warnOfRelease(fromFailure(written.warning))
      } catch (failure) {
        this.#refuse(batch, failure)
      }
    }
  }

  async #acquire(wait) {
    try {
      this.#attempt = wait.start(this.#remaining(wait))
      wait.resolve(await this.#attempt.settled)
    } catch (failure) {
      this.#refuse(wait, failure)
    }
  }

  /** Rejects what the addon has refused, and with a timeout all that is due besides. */
  #refuse(item, failure) {
    const timedOut = failure?.kind === 'timeout'
    this.#reject(item, failure, timedOut && item instanceof Batch ? this.#dueBefore(item) : Infinity)
    if (timedOut) this.#rejectDue(failure)
  }

  /** Rejects what was called until `instant`. A timeout tells what the caller was ready to wait, not what was left of it. */
  #reject(item, failure, instant) {
    const told = asAskedFor(failure, item.timeout)
    if (item instanceof Batch) item.rejectUntil(instant, told)
    else item.reject(told)
  }

  #remaining(item) {
    const start = Math.max(item.calledAt, this.#queue.lastBatchEnd)
    return Math.max(0, start + item.timeout - performance.now())
  }

  /** What was called until then is due, the first of a batch in any case. */
  #dueBefore(batch) {
    return Math.max(batch.calledAt, performance.now() - batch.timeout)
  }

  /** Rejects what is due without having reached the addon. */
  #rejectDue(failure) {
    for (const item of this.#waiting) {
      if (this.#remaining(item) > 0) continue
      this.#reject(item, failure, item instanceof Batch ? this.#dueBefore(item) : Infinity)
      if (item.finished ?? true) this.#dequeue(item)
    }
  }

  /** Looks after those that wait here in `ms`, if not sooner. They are behind an attempt that keeps the process alive. */
  #lookIn(ms) {
    const due = performance.now() + ms
    // Under a hold nobody waits for the lock.
    if (this.#hold || ms > TIMER_MAX_MS || due >= this.#due) return
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
    for (const item of this.#waiting) soonest = Math.min(soonest, this.#remaining(item))
    return soonest
  }
}

module.exports = { Lane }
