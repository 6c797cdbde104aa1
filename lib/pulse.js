/**
 * Tells the addon that the event loop turns, while calls of a DB wait for the lock. A hold of this thread cannot end while its
 * event loop is blocked, so that the calls that wait behind it are not refused meanwhile.
 */
'use strict'

const { clearInterval, setInterval } = require('node:timers')

const EVERY_MS = 25

let waiting = 0
let timer

/** A call waits. Any lock will do: it is the thread that has an event loop. */
function begin(lock) {
  if (waiting++ > 0) return
  lock.beat()
  timer = setInterval(() => lock.beat(), EVERY_MS)
  timer.unref()
}

/** It does not any more. */
function end() {
  if (--waiting === 0) clearInterval(timer)
}

module.exports = { begin, end }
