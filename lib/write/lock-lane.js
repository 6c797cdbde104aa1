/**
 * The batches and holds of a DB that wait for the lock by themselves. Each enters the queue of the lock when it is called. That queue
 * grants in its order, and keeps the deadlines.
 *
 * A write may join the last batch while that one waits. The engine gets a batch in parts: the writes of one tick are appended to the
 * part before if that one still waits, and are a part of their own if not.
 */
'use strict'

const { now } = require('../base/clock')
const { startOfBatch } = require('../base/diagnostics')
const { withFullTimeout, fromFailure } = require('../base/failures')
const { warnOfRelease } = require('../base/warnings')
const { failed, lockAttempt } = require('./attempts')
const { Fifo } = require('./fifo')
const { gather, handOver } = require('./gathering')
const heartbeat = require('./heartbeat')

/**
 * How long after its first write a batch takes further ones, ms. All writes of a part have the deadline of the last one, so the deadline
 * of the first one is late by at most this time.
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

  /** How many writes and holds wait for the lock, the writes of this tick included. */
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
    // With no batch ahead, it goes at once, since its caller may block the event loop for long.
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
    // Writes that are called later must not get in front of it.
    this.#open = null
    // It has one attempt, which must not fail because of writes of the same DB before it.
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
    // With a timeout of 0 there is one attempt, which must not fail because of writes of the same DB before it.
    const waits = batch.timeout === 0 && !batch.signal && (batch.followed || this.#batches.size > 0)
    if (!waits) this.#submit(batch)
    if (batch.followed) return
    batch.followed = true
    this.#batches.add(batch)
    this.#settled = this.#queue.track(this.#follow(batch, this.#settled))
  }

  /** Hands over the writes that are in no part yet: appended to the last part if that still waits, or as a part of their own. */
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
        // The writes that have come since the last part was done.
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
        // Another thread may report this batch before the one that was written earlier. Calls resolve in their order.
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

  /** The failure of so many calls that will not get the lock. */
  #refused(failure, calledAt, timeout, calls) {
    const told = withFullTimeout(failure, timeout)
    if (failure?.kind === 'timeout') this.#queue.timedOut(calls)
    this.#queue.refused(calledAt, calls, told)
    return told
  }
}

module.exports = { LockLane }
