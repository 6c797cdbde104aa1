/**
 * Batches of writes and turns that run one after the other under a hold. A hold has one lane for each file, and each transaction and
 * savepoint under it has a lane of its own. DB objects on one file share a lane, since SQLite lets only one of their connections write.
 *
 *   db.run()          Target          lane                    engine                        promise
 *   ────────          ──────          ────                    ──────                        ───────
 *                                  ┌► LockLane ──► part ───► queue of db.lock ─► flock ─┐
 *   run(sql, …) ─────► the DB ─────┘  batch: 1..4096 writes                             ├─► outcomes ─► batch.settle
 *                                                                                       │             ─► outcome(place)
 *   run(sql, …) ─────► a hold ─────┐                                                    │
 *                                  ├► Lane: batch, turn, batch ─► connection that writes┘
 *   tx.run(sql, …) ──► transaction ┘        │
 *                                           └─ a turn: while a transaction or savepoint is open, its own Lane runs
 *
 * An item of a lane does not wait for the lock, which is held. It has a deadline only behind a transaction of another caller, or a
 * savepoint that no scope ends. The deadlines start again whenever an item gets its turn.
 */
'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { onAbort } = require('../base/abort')
const { now } = require('../base/clock')
const { aborted, fromFailure, withFullTimeout } = require('../base/failures')
const { TIMER_MAX_MS } = require('../base/timers')
const { warnOfRelease } = require('../base/warnings')
const { granted } = require('./attempts')
const { Batch } = require('./batch')
const { Fifo } = require('./fifo')
const { gather } = require('./gathering')

/** How soon to look again while a batch is written, when no deadline counts. */
const LOOK_AGAIN_MS = 50

class Lane {
  #context
  #waiting = new Fifo()
  /** The last item that waits, if it is a batch that takes further writes. */
  #open = null
  #current = null
  #attempt = null
  #timer = null
  #due = Infinity
  /** When an item last got its turn. */
  #lastTurn = -Infinity

  /** @param context what its writes run in: `{ hold, number, rolledBack() }`, an open transaction, or 0 for the number of none */
  constructor(context) {
    this.#context = context
  }

  /** Has it had an item? */
  get isUsed() {
    return this.#lastTurn !== -Infinity
  }

  /** Is an item under way, or about to be? */
  get busy() {
    return this.#current !== null || this.#waiting.size > 0
  }

  /** Adds a write of the DB with this queue. */
  write(queue, encode, { timeout, signal, count }) {
    const open = this.#open
    if (open && !open.full && !signal && open.timeout === timeout && open.queue === queue)
      return { batch: open, place: open.add(encode, count) }
    const batch = Object.assign(queue.newBatch(timeout, signal), { queue })
    const place = batch.add(encode, count)
    if (this.#add(batch, reason => batch.rejectUntil(Infinity, reason)) && !signal) this.#open = batch
    return { batch, place }
  }

  /**
   * Waits for a turn, in which no other item runs; resolves to the function that ends it.
   *
   * @param options `unscoped`: no scope ends it, so that the calls behind it have a deadline
   */
  turn(queue, { timeout, signal, unscoped }) {
    let end
    const over = new Promise(resolve => (end = resolve))
    const isWaitedFor = unscoped || !this.#context.number
    const attempt = { ...granted(end), waiting: () => isWaitedFor, over, isWaitedFor }
    return new Promise((resolve, reject) => {
      this.#add({ queue, attempt, timeout, signal, calledAt: now(), resolve, reject }, reject)
    })
  }

  /** Begins with what has gathered. */
  handOver() {
    if (!this.#current && this.#waiting.size > 0) this.#work(this.#next())
  }

  /** Rejects the items that wait, and cancels the one that is under way. */
  clear(failure) {
    for (const item of this.#waiting) {
      this.#dequeue(item)
      this.#reject(item, failure, Infinity)
      item.finish()
    }
    // The rest of the batch must not be written later.
    if (this.#current instanceof Batch) this.#current.cancelled = failure
    this.#attempt?.cancel(failure)
  }

  /**
   * Adds an item; true when it has to wait, a batch at least for the other writes of its tick. Until its turn comes, an abort takes it
   * out of here.
   */
  #add(item, reject) {
    this.#open = null
    item.queue.track(new Promise(resolve => (item.finish = resolve)))
    if (!this.busy && !(item instanceof Batch)) {
      this.#work(item)
      return false
    }
    this.#waiting.add(item)
    if (!this.#current) gather(this)
    this.#lookIn(this.#remaining(item))
    const leave = () => {
      this.#dequeue(item)
      reject(aborted(item.signal.reason))
      item.finish()
    }
    if (item.signal) item.stopListening = onAbort(item.signal, leave)
    return true
  }

  #dequeue(item) {
    this.#waiting.delete(item)
    if (item === this.#open) this.#open = null
    item.stopListening?.()
    if (this.#waiting.size > 0) return
    clearTimeout(this.#timer)
    this.#due = Infinity
  }

  #next() {
    const item = this.#waiting.head
    if (item) this.#dequeue(item)
    return item ?? null
  }

  /** Works until nothing waits. */
  async #work(first) {
    for (this.#current = first; this.#current; this.#current = this.#next()) {
      this.#lastTurn = now()
      if (this.#current instanceof Batch) await this.#write(this.#current)
      else await this.#give(this.#current)
      this.#attempt = null
      this.#current.finish()
    }
  }

  async #write(batch) {
    const { queue } = batch
    while (!batch.finished) {
      if (!this.#context.hold.held) return queue.requeue(batch, this.#context)
      try {
        this.#attempt = queue.start(batch, this.#context)
        const outcomes = await this.#attempt.settled
        if (outcomes.rolledBack) this.#context.rolledBack()
        batch.settle(outcomes)
        queue.wrote(batch, outcomes)
        if (batch.cancelled && !batch.finished) batch.rejectUntil(Infinity, batch.cancelled)
        if (outcomes.warning) warnOfRelease(fromFailure(outcomes.warning))
      } catch (failure) {
        // The engine has not run it: the file was replaced, or the hold has ended. Its transaction is gone.
        if (this.#context.number) this.#context.rolledBack()
        this.#reject(batch, failure, Infinity)
      }
    }
  }

  async #give({ attempt, resolve }) {
    this.#attempt = attempt
    resolve(await attempt.settled)
    if (this.#due === Infinity) this.#lookIn(this.#soonest())
    await attempt.over
  }

  /** Rejects the writes of an item that were called until `instant`. */
  #reject(item, failure, instant) {
    const told = withFullTimeout(failure, item.timeout)
    const before = item.left ?? 1
    if (item instanceof Batch) item.rejectUntil(instant, told)
    else item.reject(told)
    if (failure?.kind === 'timeout') item.queue.timedOut(before - (item.left ?? 0))
  }

  #remaining(item) {
    return Math.max(0, Math.max(item.calledAt, this.#lastTurn) + item.timeout - now())
  }

  /** Rejects the items whose time is over. Of a batch these are the writes whose time is over, and the first one in any case. */
  #rejectDue(failure) {
    for (const item of this.#waiting) {
      if (this.#remaining(item) > 0) continue
      this.#reject(item, failure, Math.max(item.calledAt, now() - item.timeout))
      if (!(item.finished ?? true)) continue
      this.#dequeue(item)
      item.finish()
    }
  }

  /** Looks for items whose time is over, in `ms` at the latest. */
  #lookIn(ms) {
    const due = now() + ms
    if (!this.#attempt?.isWaitedFor || ms > TIMER_MAX_MS || due >= this.#due) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), Math.ceil(ms))
    this.#due = due
  }

  async #look() {
    this.#due = Infinity
    if (this.#waiting.size === 0) return
    // While a batch is written, no item waits for a transaction.
    const writing = this.#attempt && !this.#attempt.waiting()
    if (!writing && this.#soonest() === 0) this.#rejectDue(await this.#waiting.head.queue.refusal())
    this.#lookIn(writing ? LOOK_AGAIN_MS : this.#soonest())
  }

  #soonest() {
    let soonest = Infinity
    for (const item of this.#waiting) soonest = Math.min(soonest, this.#remaining(item))
    return soonest
  }
}

module.exports = { Lane }
