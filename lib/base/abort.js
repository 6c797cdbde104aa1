/**
 * Abort signals. A signal is read only when a call is given it, and listened to from before that look. So no abort is missed, and
 * no getter of a caller can throw in the middle of a call.
 *
 * A signal may be of another realm or make: of what AbortSignal has, only `aborted`, `reason` and `addEventListener` are used.
 */
'use strict'

const watches = new WeakMap()

/**
 * What is known of a signal. It takes the place of the signal in all calls. One listener for each signal, however many calls wait
 * with it: a server hands one signal to all of them, and EventTarget warns of more than ten listeners.
 */
class Watch {
  aborted = false
  reason
  #signal
  #calls = new Set()

  /** Throws what the maker of the signal throws: before anything has begun that it could call off. */
  constructor(signal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.#abort(), { once: true })
  }

  /** Looks whether it was aborted before. A signal of another make may tell of no abort. */
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

/** An abort stays one, also when its reason throws: that is then why. */
function reasonOf(signal) {
  try {
    return signal.reason
  } catch (error) {
    return error
  }
}

/** What is known of a signal that a call is given; a Watch is its own. */
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
