/**
 * Listening to abort signals. One listener for each signal, however many calls wait with it: a server hands one signal to
 * all of them, and EventTarget warns of more than ten listeners.
 */
'use strict'

const heeding = new WeakMap()

/** Calls `leave` when `signal` aborts. Returns how to stop listening. */
function onAbort(signal, leave) {
  let calls = heeding.get(signal)
  if (!calls) {
    calls = new Set()
    heeding.set(signal, calls)
    signal.addEventListener('abort', () => calls.forEach(call => call()), { once: true })
  }
  calls.add(leave)
  return () => calls.delete(leave)
}

module.exports = { onAbort }
