/**
 * The limit of Node's timers.
 */
'use strict'

/** The longest delay of a timer, ms. With a longer one it fires at once. */
const TIMER_MAX_MS = 0x7fff_ffff

module.exports = { TIMER_MAX_MS }
