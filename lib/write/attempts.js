/**
 * Calls of the engine that may have to wait for the lock.
 *
 * An attempt is `{ settled, waiting(), cancel(failure) }`: a promise that rejects with a failure; whether it was refused the lock and
 * waits for it; and how to cancel it. It has entered the queue of the lock when the function that made it returns. The attempt of a
 * batch also has `append(statements, bytes)`, which adds writes, and returns false if it does not wait any more, and `more()`, which
 * resolves to the outcomes of its next writes.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { attempt } = require('../base/attempt')
const { resolveFairly } = require('../base/resolve-fairly')
const { handOver } = require('./gathering')

/**
 * How long a write may wait for a libuv worker, ms. When the pool is full of other work, the thread that waits for the
 * lock takes the write over.
 */
const POOL_PATIENCE_MS = 20

/**
 * The lock for a hold that JavaScript owns; resolves to its number. `signal` cancels it.
 *
 * @param {Engine.Lock} lock
 */
function lockAttempt(lock, { timeout, signal }) {
  handOver()
  const hold = lock.tryAcquire(timeout > 0)
  if (hold !== null) return granted(hold)
  const wait = lock.wait()
  // A hold that was granted in the moment in which the call was cancelled is given back.
  const finish = (granted, cancelled) => {
    if (!cancelled) return granted
    lock.release(granted)
    throw cancelled
  }
  const start = () => wait.start(timeout)
  return { ...attempt(wait, { signal, start, finish }), waiting: () => true }
}

/** An attempt that has its result at once. */
function granted(value) {
  return { settled: resolveFairly(value), waiting: () => false, cancel() {} }
}

/**
 * The failure of a call whose time is over: a timeout that names the holder of this moment.
 *
 * @param {Engine.Lock} lock
 */
async function refusal(lock) {
  try {
    // After a failed attempt, no time to wait is a refusal.
    return await lock.wait().start(0)
  } catch (failure) {
    return failure
  }
}

/** An attempt that has failed at once. */
function failed(failure) {
  const settled = Promise.reject(failure)
  // Nobody may listen until the batches before it are settled.
  settled.catch(() => {})
  return { settled, waiting: () => false, append: () => false, cancel() {} }
}

/**
 * A batch of writes; resolves to the outcomes of those that are done. `signal` cancels it.
 *
 * @param {Engine.Submission} submission
 * @param options `isBehind`: other batches of its DB are ahead of it. The thread that serves those serves it, too, and no worker is sent.
 */
function writeAttempt(submission, { signal, isBehind }) {
  const start = () => (isBehind ? submission.overtake() : runOnWorker(submission))
  return attempt(submission, { signal, start, finish: withReason })
}

/**
 * The outcomes of writes; one that was interrupted has failed with the reason of that.
 *
 * @param {Engine.Outcomes} outcomes
 */
function withReason(outcomes, cancelled) {
  if (!cancelled) return outcomes
  for (const entry of outcomes.failures ?? []) {
    if (entry.failure.code === 'SQLITE_INTERRUPT') entry.failure = cancelled
  }
  return outcomes
}

/**
 * A libuv worker makes one attempt. If the lock is taken, or no worker is free, the thread that waits for the lock takes over.
 *
 * @param {Engine.Submission} submission
 */
async function runOnWorker(submission) {
  const outcomes = await orNullAfter(POOL_PATIENCE_MS, submission.run())
  return outcomes ?? submission.overtake()
}

function orNullAfter(ms, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms, null)
    const ended = settle => value => {
      clearTimeout(timer)
      settle(value)
    }
    promise.then(ended(resolve), ended(reject))
  })
}

module.exports = { failed, granted, lockAttempt, refusal, writeAttempt }
