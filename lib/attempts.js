/**
 * Native calls that may have to wait for the lock.
 *
 * An attempt is `{ settled, waiting(), extend(ms) }`: a promise that is rejected with what the addon tells of a failure,
 * whether it was refused the lock and waits since, and a new deadline counted from now. It has entered the queue of the process when
 * the call that made it returns.
 */
'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { onAbort } = require('./abort')
const { aborted } = require('./errors')
const { release } = require('./native')

/**
 * How long a write may wait for a libuv worker, ms. When the pool is full of other work, the thread that waits for the
 * lock takes the write over.
 */
const POOL_PATIENCE_MS = 20

/** The lock for a hold that JavaScript owns; resolves to its number. `signal` makes it leave the queue. */
function lockAttempt(lock, timeoutMs, signal) {
  const hold = lock.tryAcquire()
  if (hold !== null) return { settled: Promise.resolve(hold), waiting: () => false, extend() {} }
  const wait = lock.wait()
  const granted = heed(signal, wait, () => wait.start(timeoutMs))
  return {
    settled: signal ? unlessAborted(signal, granted) : granted,
    waiting: () => true,
    extend: ms => wait.extend(ms)
  }
}

/** A hold that was granted in the moment of the abort is given back. */
async function unlessAborted(signal, granted) {
  const hold = await granted
  if (!signal.aborted) return hold
  release(hold)
  throw aborted(signal.reason)
}

/** Starts `entry`, which leaves the queue when `signal` aborts, as long as nothing has been granted. */
async function heed(signal, entry, start) {
  const stop = signal && onAbort(signal, () => entry.cancel())
  try {
    return await start()
  } catch (failure) {
    throw failure?.kind === 'cancelled' ? aborted(signal.reason) : failure
  } finally {
    stop?.()
  }
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

/** A batch of writes; resolves to what came of those that are done. `signal` makes it leave the queue. */
function writeAttempt(submission, signal) {
  return {
    settled: heed(signal, submission, () => follow(submission)),
    waiting: () => submission.waiting(),
    extend: ms => submission.extend(ms)
  }
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

module.exports = { lockAttempt, refusal, writeAttempt }
