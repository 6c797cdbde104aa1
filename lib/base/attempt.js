/**
 * Calls of an engine that a signal can cancel.
 */
'use strict'

const { onAbort } = require('./abort')
const { aborted } = require('./failures')

/** Work that does not wait for the lock, a read or a checkpoint; resolves to its result. `signal` cancels it. */
function workAttempt(work, signal) {
  return attempt(work, { signal, start: () => work.run(), finish: result => result })
}

/**
 * Starts a call of the engine, and follows it to its end. `finish` gets its result, and the failure that it was cancelled with, if it was.
 */
function attempt(call, { signal, start, finish }) {
  let cancelled
  const cancel = why => {
    cancelled ??= why
    call.cancel()
  }
  const stop = signal && onAbort(signal, () => cancel(aborted(signal.reason)))
  const follow = async begin => {
    try {
      if (cancelled) throw cancelled
      return finish(await begin(), cancelled)
    } catch (failure) {
      throw (isCancellation(failure) && cancelled) || failure
    } finally {
      stop?.()
    }
  }
  return {
    settled: follow(start),
    more: () => follow(() => call.overtake()),
    append: (statements, bytes) => call.append(statements, bytes),
    waiting: () => call.waiting(),
    cancel
  }
}

const isCancellation = failure => failure?.kind === 'cancelled' || failure?.code === 'SQLITE_INTERRUPT'

module.exports = { attempt, workAttempt }
