/**
 * Batches of writes and waits for a turn, one after the other: what one lane of a write queue does.
 *
 * A lane without a level takes the lock for each batch, and for each hold. One with a level runs under the hold of it, and in
 * its transaction if it has one; there nobody waits for the lock, so there are no deadlines, but behind a transaction that others
 * of the hold wait for, and behind a savepoint that no scope ends.
 */
'use strict'

const { performance } = require('node:perf_hooks')
const { clearTimeout, setTimeout } = require('node:timers')
const { onAbort } = require('./abort')
const { granted } = require('./attempts')
const { Batch } = require('./batch')
const { aborted, asAskedFor, fromFailure } = require('./errors')
const { warnOfRelease } = require('./hold')
const { TIMER_MAX_MS } = require('./timers')

/** How soon to look again while a write has the lock and nothing can be due. */
const LOOK_AGAIN_MS = 50

class Lane {
  #queue
  #level
  #waiting = new Set()
  /** The last one that waits, when it is a batch that takes more. */
  #open = null
  #current = null
  #attempt = null
  #timer = null
  #due = Infinity

  /** @param level `{ hold, transaction }`: what it runs under; the number of an open transaction, or 0 */
  constructor(queue, level) {
    this.#queue = queue
    this.#level = level
  }

  /** Is anything under way here? */
  get busy() {
    return this.#current !== null
  }

  /** How many writes wait: those that gather, and those that were refused the lock. */
  get waiting() {
    let count = this.#attempt?.waiting() ? (this.#current.left ?? 0) : 0
    for (const item of this.#waiting) count += item.left ?? 0
    return count
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

  /** Waits for what `start` makes the attempt for, in the order of the calls. */
  acquire(start, timeout, signal) {
    return new Promise((resolve, reject) => {
      const wait = { start, timeout, signal, calledAt: performance.now(), resolve, reject }
      this.#open = null
      if (!this.#current) this.#queue.track(this.#work(wait))
      else {
        this.#enqueue(wait)
        this.#heed(wait, reject)
      }
    })
  }

  /**
   * Waits for a time in which nothing else is done here; resolves to how to end it.
   *
   * @param bare no scope ends it, so that those behind it have a deadline
   */
  turn(timeout, signal, bare) {
    let end
    const over = new Promise(resolve => (end = resolve))
    const isWaitedFor = bare || !this.#level.transaction
    return this.acquire(
      () => ({ ...granted(end), waiting: () => isWaitedFor, over, isWaitedFor }),
      timeout,
      signal
    )
  }

  /** Gives the attempt that waits for the lock a new deadline. */
  extend() {
    if (this.#current) this.#attempt?.extend(this.#remaining(this.#current))
  }

  /** Rejects all that has not got its turn, and calls off what is under way: all of it, or only what waits for the lock. */
  clear(failure, running) {
    for (const item of this.#waiting) {
      this.#dequeue(item)
      this.#reject(item, failure, Infinity)
    }
    if (!running && !this.#attempt?.waiting()) return
    // What is left of it is not to come again.
    if (this.#current instanceof Batch) this.#current.calledOff = failure
    this.#attempt?.cancel(failure)
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
    if (this.#waiting.size > 0) return
    clearTimeout(this.#timer)
    this.#due = Infinity
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
      if (this.#level && !this.#level.hold.held) return this.#queue.adopt(batch, this.#level)
      try {
        const ms = this.#level ? Infinity : this.#remaining(batch)
        this.#attempt = this.#queue.start(batch, this.#level, ms)
        const written = await this.#attempt.settled
        if (written.rolledBack) this.#level.rolledBack()
        batch.settle(written)
        this.#queue.wrote(batch, written)
        if (batch.calledOff && !batch.finished) batch.rejectUntil(Infinity, batch.calledOff)
        if (written.warning) warnOfRelease(fromFailure(written.warning))
      } catch (failure) {
        // The addon has not run it, since the file was replaced or the hold has ended: its transaction is gone.
        if (this.#level?.transaction) this.#level.rolledBack()
        this.#refuse(batch, failure)
      }
    }
  }

  async #acquire(wait) {
    try {
      this.#attempt = wait.start(this.#remaining(wait))
      wait.resolve(await this.#attempt.settled)
      if (!this.#attempt.over) return
      this.#lookIn(this.#soonest())
      await this.#attempt.over
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
    const { calledAt } = item
    const before = item.left ?? 1
    if (item instanceof Batch) item.rejectUntil(instant, told)
    else item.reject(told)
    const calls = before - (item.left ?? 0)
    if (failure?.kind === 'timeout') this.#queue.timedOut(calls)
    if (!this.#level && calls > 0) this.#queue.refused(calledAt, calls, told)
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

  /** Looks after those that wait here in `ms`, if not sooner. Behind an attempt on the lock, that keeps the process alive. */
  #lookIn(ms) {
    const due = performance.now() + ms
    const patient = this.#level && !this.#attempt?.isWaitedFor
    if (patient || ms > TIMER_MAX_MS || due >= this.#due) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), Math.ceil(ms))
    if (!this.#level) this.#timer.unref()
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
