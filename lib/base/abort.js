/**
 * Abort signals. A signal is read once, when a call is given it, and its listener is added before that. So no abort is missed, and no
 * getter of a caller can throw in the middle of a call.
 *
 * A signal may be of another realm or make: of what AbortSignal has, only `aborted`, `reason` and `addEventListener` are used.
 */
'use strict'

const watches = new WeakMap()

/**
 * The state of a signal, which all calls use in its place. It adds one listener to the signal for any number of calls: a server may give
 * the same signal to all its calls, and EventTarget warns of more than ten listeners.
 */
class Watch {
  aborted = false
  reason
  #signal
  #calls = new Set()

  /** Throws if the signal throws, before anything has begun that it could abort. */
  constructor(signal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.#abort(), { once: true })
  }

  /** Reads whether it was aborted. A foreign implementation may have sent no event. */
  look() {
    if (!this.aborted && this.#signal.aborted) this.#abort()
  }

  /** Calls `leave` when the signal aborts, at once if it has. Returns how to stop listening. */
  onAbort(leave) {
    if (this.aborted) {
      leave()
      return () => {}
    }
    this.#calls.add(leave)
    return () => this.#calls.delete(leave)
  }

  #abort() {
    if (this.aborted) return
    this.aborted = true
    this.reason = reasonOf(this.#signal)
    const calls = [...this.#calls]
    this.#calls.clear()
    for (const leave of calls) leave()
  }
}

/** If reading the reason throws, the thrown error is the reason. */
function reasonOf(signal) {
  try {
    return signal.reason
  } catch (error) {
    return error
  }
}

/** The Watch of a signal that a call is given. A Watch is returned as it is. */
function watch(signal) {
  if (signal instanceof Watch) return signal
  let known = watches.get(signal)
  if (!known) watches.set(signal, (known = new Watch(signal)))
  known.look()
  return known
}

/** Calls `leave` when a watched signal aborts, at once if it has. Returns how to stop listening. */
const onAbort = (signal, leave) => signal.onAbort(leave)

function throwIfAborted(signal) {
  if (signal?.aborted) throw signal.reason
}

module.exports = { Watch, onAbort, throwIfAborted, watch }
