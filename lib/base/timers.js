/**
 * What Node's timers can do.
 */
'use strict'

/** The longest time that one takes, ms. One that is given more fires at once. */
const TIMER_MAX_MS = 0x7fff_ffff

module.exports = { TIMER_MAX_MS }
