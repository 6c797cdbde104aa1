/**
 * What a DB does that takes the lock itself: batches of writes, and holds. Each enters the queue of the lock when it is called;
 * that queue grants in its order, and keeps the deadlines.
 *
 * A write may join the last batch while that waits. A batch is handed over in parts: what one tick has brought joins the part
 * before if that still waits, and is a part of its own if not.
 */
'use strict'

const { now } = require('../base/clock')
const { failed, lockAttempt } = require('./attempts')
const { startOfBatch } = require('../base/diagnostics')
const { withFullTimeout, fromFailure } = require('../base/failures')
const { Fifo } = require('./fifo')
const { gather, handOver } = require('./gathering')
const { warnOfRelease } = require('../base/warnings')
const heartbeat = require('./heartbeat')

/**
 * How long after its first write a batch takes further ones, ms. All of a part have one deadline, that of the last, which is so
 * much late for the first at most.
 */
const JOIN_MS = 20

class LockLane {
  #queue
  /** Batches that are not settled. */
  #batches = new Fifo()
  /** Attempts for holds that wait. */
  #holds = new Set()
  /** The last batch, while it takes more. */
  #open = null
  /** Writes that are not settled. */
  #writes = 0
  /** Resolves when the last batch is settled. */
  #settled = Promise.resolve()

  constructor(queue) {
    this.#queue = queue
  }

  /** How many writes and holds wait for the lock: those that gather, and those that were refused it. */
  get waiting() {
    const head = this.#batches.head
    const under = head?.parts[0]
    const written = under && !under.attempt.waiting() ? under.end - head.done : 0
    return this.#writes - written + this.#holds.size
  }

  write(encode, options) {
    const { signal, count } = options
    const batch = this.#joins(options) ? this.#open : this.#begin(options)
    const place = batch.add(encode, count)
    this.#writes++
    // With nothing ahead, it goes at once: its caller may do something else for long.
    if (signal || this.#batches.size === 0) this.#send(batch)
    else gather(this)
    return { batch, place }
  }

  /** Takes a batch that was to be written under a hold that has ended. */
  requeue(batch) {
    handOver()
    this.#open = null
    this.#writes += batch.left
    this.#send(batch)
  }

  /** Waits for a hold; resolves to its number. */
  async acquire({ timeout, signal }) {
    handOver()
    // What is called later must not get in front.
    this.#open = null
    // Its one attempt is not to fail because of the own writes before it.
    if (timeout === 0 && this.#batches.size > 0) await this.#settled
    const calledAt = now()
    const { lock } = this.#queue
    const attempt = lockAttempt(lock, { timeout, signal })
    const waits = attempt.waiting()
    if (waits) this.#holds.add(attempt)
    if (waits) heartbeat.begin(lock)
    try {
      return await this.#queue.track(attempt.settled)
    } catch (failure) {
      throw this.#refused(failure, calledAt, timeout, 1)
    } finally {
      this.#holds.delete(attempt)
      if (waits) heartbeat.end()
    }
  }

  /** Hands over what has gathered. */
  handOver() {
    if (this.#open?.unsent) this.#send(this.#open)
  }

  /** Cancels what waits for the lock. */
  clear(failure) {
    handOver()
    for (const attempt of this.#holds) attempt.cancel(failure)
    for (const { parts } of this.#batches) {
      for (const { attempt } of parts) if (attempt.waiting()) attempt.cancel(failure)
    }
  }

  #joins({ timeout, signal }) {
    const open = this.#open
    if (!open || signal || open.timeout !== timeout || open.full || open.finished) return false
    return now() < open.begunAt + JOIN_MS
  }

  #begin({ timeout, signal }) {
    handOver()
    const batch = this.#queue.newBatch(timeout, signal)
    this.#open = signal ? null : batch
    return batch
  }

  #send(batch) {
    // With a timeout of 0 there is one attempt, which is not to fail because of the own writes before it.
    const waits = batch.timeout === 0 && !batch.signal && (batch.followed || this.#batches.size > 0)
    if (!waits) this.#submit(batch)
    if (batch.followed) return
    batch.followed = true
    this.#batches.add(batch)
    this.#settled = this.#queue.track(this.#follow(batch, this.#settled))
  }

  /** Hands over what is in no part yet: with the last part if that still waits, or as one of its own. */
  #submit(batch) {
    const last = batch.parts.at(-1)
    const end = batch.size
    const all = batch.statements
    const { bytes, texts } = batch.takeUnsent()
    if (last?.attempt.append(all.slice(last.known), bytes)) {
      const statements = [...new Set([...last.statements, ...texts])]
      Object.assign(last, { end, known: all.length, statements })
      return
    }
    const startedAt = startOfBatch()
    const isBehind = batch.parts.length > 0 || ![undefined, batch].includes(this.#batches.head)
    const attempt = this.#attempt(batch, all, bytes, isBehind)
    batch.parts.push({ attempt, end, known: all.length, statements: texts, startedAt })
  }

  #attempt(batch, statements, bytes, isBehind) {
    try {
      return this.#queue.submit(batch, statements, bytes, isBehind)
    } catch (failure) {
      return failed(failure)
    }
  }

  /**
   * Settles a batch part by part.
   *
   * @param before resolves when the batch before it is settled
   */
  async #follow(batch, before) {
    heartbeat.begin(this.#queue.lock)
    while (!batch.finished) {
      if (batch.parts.length === 0) {
        if (batch.timeout === 0 && !batch.signal) await before
        // What has gathered since the last part was done.
        this.#submit(batch)
      }
      await this.#settle(batch, batch.parts[0], before)
      batch.parts.shift()
    }
    this.#batches.delete(batch)
    heartbeat.end()
  }

  async #settle(batch, part, before) {
    let next = part.attempt.settled
    try {
      while (batch.done < part.end) {
        const outcomes = await next
        // It was written later than that batch, but another thread may have told of it sooner: calls resolve in their order.
        await before
        this.#count(batch, () => batch.settle(outcomes))
        this.#queue.wrote(part, outcomes)
        if (outcomes.warning) warnOfRelease(fromFailure(outcomes.warning))
        if (batch.done < part.end) next = part.attempt.more()
      }
    } catch (failure) {
      const told = this.#refused(failure, batch.calledAt, batch.timeout, part.end - batch.done)
      this.#count(batch, () => batch.rejectTo(part.end, told))
    }
  }

  #count(batch, settle) {
    const before = batch.done
    settle()
    this.#writes -= batch.done - before
  }

  /** What so many calls are told. A timeout tells what the caller was ready to wait, to the last digit. */
  #refused(failure, calledAt, timeout, calls) {
    const told = withFullTimeout(failure, timeout)
    if (failure?.kind === 'timeout') this.#queue.timedOut(calls)
    this.#queue.refused(calledAt, calls, told)
    return told
  }
}

module.exports = { LockLane }
