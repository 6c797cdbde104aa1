/**
 * Listening to abort signals. One listener for each signal, however many calls wait with it: a server hands one signal to
 * all of them, and EventTarget warns of more than ten listeners.
 *
 * A signal may be of another realm or make: of what AbortSignal has, only `aborted`, `reason` and `addEventListener` are used.
 */
'use strict'

const heeding = new WeakMap()

/** Listens to a signal, before anything has begun that it could call off: who made it may throw. */
function heed(signal) {
  let calls = heeding.get(signal)
  if (!calls) {
    calls = new Set()
    signal.addEventListener('abort', () => calls.forEach(call => call()), { once: true })
    heeding.set(signal, calls)
  }
  return calls
}

/** Calls `leave` when `signal` aborts. Returns how to stop listening. */
function onAbort(signal, leave) {
  const calls = heed(signal)
  calls.add(leave)
  return () => calls.delete(leave)
}

function throwIfAborted(signal) {
  if (signal?.aborted) throw signal.reason
}

module.exports = { heed, onAbort, throwIfAborted }
