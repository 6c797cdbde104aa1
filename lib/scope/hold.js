/**
 * A hold of the write lock that JavaScript owns. The engine keeps what holds the lock, where no garbage collection reaches it.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { now } = require('../base/clock')
const diagnostics = require('../base/diagnostics')
const { call } = require('../base/failures')
const { TIMER_MAX_MS } = require('../base/timers')
const { warnOfRelease } = require('../base/warnings')

class Hold {
  /** The number that the engine knows it by. */
  id
  /** Which directory is locked. */
  directory
  /** @type {Engine.Lock} */
  #lock
  #alarm
  #since = now()
  #onRelease

  /**
   * @param {Engine.Lock} lock
   * @param options `longHoldMs`: emit a process warning with `stack` when the hold lasts longer; `onRelease`: is called with how long it
   * has lasted, ms
   */
  constructor(lock, id, { longHoldMs, stack, onRelease = undefined }) {
    this.id = id
    this.#lock = lock
    this.#onRelease = onRelease
    this.directory = lock.directoryOf(id)
    if (longHoldMs <= TIMER_MAX_MS) {
      this.#alarm = setTimeout(warnOfLongHold, longHoldMs, lock, longHoldMs, stack)
      this.#alarm.unref()
    }
  }

  get held() {
    return this.id !== null
  }

  /** Gives the lock back, at once. Idempotent. */
  release() {
    if (!this.held) return
    const { id } = this
    this.id = null
    clearTimeout(this.#alarm)
    this.#onRelease?.(now() - this.#since)
    call(() => this.#lock.release(id))
    if (diagnostics.lock.hasSubscribers) diagnostics.tellReleased(this.#lock, now() - this.#since)
  }
}

function warnOfLongHold(lock, longHoldMs, { stack }) {
  if (diagnostics.longHold.hasSubscribers) diagnostics.tellLongHold(lock, longHoldMs, stack)
  process.emitWarning(`the write lock has been held for more than ${longHoldMs} ms`, {
    code: 'SQLOCK_LONG_HOLD',
    detail: stack
  })
}

/** The stack of the call that takes a hold, if a warning may need it later. `caller`: the public method, which is not shown. */
function stackOf(longHoldMs, caller) {
  if (longHoldMs > TIMER_MAX_MS) return undefined
  const place = { name: 'acquired', message: 'here' }
  Error.captureStackTrace(place, caller)
  return place
}

/** Gives the lock back; an error of that must not replace a result. */
function releaseOrWarn(hold) {
  try {
    hold.release()
  } catch (error) {
    warnOfRelease(error)
  }
}

module.exports = { Hold, releaseOrWarn, stackOf }
