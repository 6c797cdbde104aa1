/**
 * Promises that resolve at once, and still let timers and I/O have their turns.
 */
'use strict'

const { setImmediate } = require('node:timers')
const { now } = require('./clock')

/** For so long promises may resolve at once within one turn of the event loop, ms. */
const AT_ONCE_MS = 4

/** When the first one of this turn was made. */
let since = null

const endTurn = () => (since = null)

/**
 * Resolves to `value`: at once, or in the next turn of the event loop if this turn has lasted for a while. A loop that awaits only
 * promises that resolve at once would block the event loop for ever.
 */
function resolveFairly(value) {
  if (since === null) {
    since = now()
    setImmediate(endTurn)
  } else if (now() - since > AT_ONCE_MS) {
    return new Promise(resolve => setImmediate(resolve, value))
  }
  return Promise.resolve(value)
}

module.exports = { resolveFairly }
