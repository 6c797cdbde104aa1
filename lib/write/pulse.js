/**
 * Tells the addon that the event loop turns, while calls of a DB wait for the lock. A hold of this thread cannot end while its
 * event loop is blocked, so that the calls that wait behind it are not refused meanwhile.
 */
'use strict'

const { performance } = require('node:perf_hooks')
const { clearInterval, setInterval } = require('node:timers')

const EVERY_MS = 25

let waiting = 0
let timer = null
let lastBeat = -Infinity

/**
 * A call waits. Any lock will do: it is the thread that has an event loop. Only the first call that waits tells that the loop turns:
 * further ones may be made by a loop of the program that blocks it.
 */
function begin(lock) {
  if (waiting++ === 0 && performance.now() - lastBeat > EVERY_MS) beat(lock)
  timer ??= setInterval(goOn, EVERY_MS, lock).unref()
}

/** It does not any more. The timer stays until it finds nobody: a loop that writes would make one for each write. */
function end() {
  waiting--
}

function goOn(lock) {
  if (waiting > 0) return beat(lock)
  clearInterval(timer)
  timer = null
}

function beat(lock) {
  lastBeat = performance.now()
  lock.beat()
}

module.exports = { begin, end }
