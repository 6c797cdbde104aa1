/**
 * Calls of an engine that a signal can cancel.
 */
'use strict'

const { onAbort } = require('./abort')
const { aborted } = require('./failures')

/** What a thread does without waiting for the lock, a read or a checkpoint; resolves to its result. `signal` calls it off. */
function workAttempt(work, signal) {
  return attempt(
    work,
    signal,
    () => work.run(),
    result => result
  )
}

/** Starts `entry`, and follows it to its end. `finish` gets its result, and why it was called off, if it was. */
function attempt(entry, signal, start, finish) {
  let calledOff
  const cancel = why => {
    calledOff ??= why
    entry.cancel()
  }
  const stop = signal && onAbort(signal, () => cancel(aborted(signal.reason)))
  const follow = async begin => {
    try {
      if (calledOff) throw calledOff
      return finish(await begin(), calledOff)
    } catch (failure) {
      throw (isCalledOff(failure) && calledOff) || failure
    } finally {
      stop?.()
    }
  }
  return {
    settled: follow(start),
    more: () => follow(() => entry.overtake()),
    append: (statements, bytes) => entry.append(statements, bytes),
    waiting: () => entry.waiting(),
    cancel
  }
}

const isCalledOff = failure => failure?.kind === 'cancelled' || failure?.code === 'SQLITE_INTERRUPT'

module.exports = { attempt, workAttempt }
