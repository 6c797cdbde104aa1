/**
 * Answers that are there at once, and still leave the event loop its turns.
 */
'use strict'

const { performance } = require('node:perf_hooks')
const { setImmediate } = require('node:timers')

/** For so long answers may follow each other within one turn of the event loop, ms. */
const AT_ONCE_MS = 4

/** When the first answer of this turn was given. */
let since = null

const endTurn = () => (since = null)

/**
 * Resolves to `value`: at once, or in the next turn of the event loop when this one has lasted for a while. A loop that awaits
 * nothing but such answers would keep timers and I/O from their turn for ever.
 */
function soon(value) {
  if (since === null) {
    since = performance.now()
    setImmediate(endTurn)
  } else if (performance.now() - since > AT_ONCE_MS) {
    return new Promise(resolve => setImmediate(resolve, value))
  }
  return Promise.resolve(value)
}

module.exports = { soon }
