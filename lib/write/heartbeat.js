/**
 * Tells the engine, while calls wait for the lock, that the event loop of this thread is not blocked. A hold of this thread cannot end
 * while its event loop is blocked; the time of the calls that wait behind it does not run meanwhile.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { clearInterval, setInterval } = require('node:timers')
const { now } = require('../base/clock')

const EVERY_MS = 25

let waiting = 0
let timer = null
let lastBeat = -Infinity

/**
 * A call begins to wait. The beat is of the thread, so any of its locks will do. Only the first call that waits beats at once: further
 * calls may be made by a loop of the program that blocks the event loop.
 */
function begin(lock) {
  if (waiting++ === 0 && now() - lastBeat > EVERY_MS) beat(lock)
  timer ??= setInterval(beatOrStop, EVERY_MS, lock).unref()
}

/** A call waits no more. The timer stays until it finds that no call waits: else a loop of writes would make a timer for each. */
function end() {
  waiting--
}

function beatOrStop(lock) {
  if (waiting > 0) return beat(lock)
  clearInterval(timer)
  timer = null
}

/** @param {Engine.Lock} lock */
function beat(lock) {
  lastBeat = now()
  lock.beat()
}

module.exports = { begin, end }
