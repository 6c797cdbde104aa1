/**
 * Native calls that may have to wait for the lock.
 *
 * An attempt is `{ settled, waiting(), cancel(why) }`: a promise that is rejected with what the addon tells of a failure, whether
 * it was refused the lock and waits since, and calling it off. It has entered the queue of the process when the call that made
 * it returns. One of a batch that takes the lock also has `append(statements, bytes)`, which adds writes and is false when it
 * does not wait any more, and `more()`, which resolves to what came of the next of its writes.
 */
'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { attempt } = require('../base/attempt')
const { handOver } = require('./gathering')
const { soon } = require('../base/soon')

/**
 * How long a write may wait for a libuv worker, ms. When the pool is full of other work, the thread that waits for the
 * lock takes the write over.
 */
const POOL_PATIENCE_MS = 20

/** The lock for a hold that JavaScript owns; resolves to its number. `signal` calls it off. */
function lockAttempt(lock, timeoutMs, signal) {
  handOver()
  const hold = lock.tryAcquire(timeoutMs > 0)
  if (hold !== null) return granted(hold)
  const wait = lock.wait()
  // A hold that was granted in the moment in which the call was called off is given back.
  const unlessCalledOff = (granted, calledOff) => {
    if (!calledOff) return granted
    lock.release(granted)
    throw calledOff
  }
  return { ...attempt(wait, signal, () => wait.start(timeoutMs), unlessCalledOff), waiting: () => true }
}

/** What was there at once. */
function granted(value) {
  return { settled: soon(value), waiting: () => false, cancel() {} }
}

/** What somebody is told who would wait now: a timeout with the holder of this moment. */
async function refusal(lock) {
  try {
    // After a failed attempt, no time to wait is a refusal.
    return await lock.wait().start(0)
  } catch (failure) {
    return failure
  }
}

/** What failed at once. */
function failed(failure) {
  const settled = Promise.reject(failure)
  // It may have to wait for its turn to be looked at.
  settled.catch(() => {})
  return { settled, waiting: () => false, append: () => false, cancel() {} }
}

/**
 * A batch of writes; resolves to what came of those that are done. `signal` calls it off.
 *
 * @param isBehind others of its DB are ahead of it: then the thread that serves those serves it, and no worker is sent
 */
function writeAttempt(submission, signal, isBehind) {
  const start = () => (isBehind ? submission.overtake() : follow(submission))
  return attempt(submission, signal, start, written)
}

/** What came of writes: what was interrupted is told why. */
function written(outcome, calledOff) {
  if (!calledOff) return outcome
  for (const entry of outcome.failures) {
    if (entry.failure.code === 'SQLITE_INTERRUPT') entry.failure = calledOff
  }
  return outcome
}

async function follow(submission) {
  const outcome = await orNullAfter(POOL_PATIENCE_MS, submission.run())
  return outcome ?? submission.overtake()
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
