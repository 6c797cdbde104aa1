/**
 * The cross-process lock without a database.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { throwIfAborted } = require('../base/abort')
const { now } = require('../base/clock')
const diagnostics = require('../base/diagnostics')
const { SqlockError } = require('../base/errors')
const { withFullTimeout, call, fromFailure, settled } = require('../base/failures')
const { resolveFairly } = require('../base/resolve-fairly')
const { Hold, stackOf } = require('../scope/hold')
const { runAndRelease, scopeOf } = require('../scope/scope')
const { lockAttempt } = require('../write/attempts')
const { handOver } = require('../write/gathering')
const { LockGuard } = require('./lock-guard')
const { checkAcquireOptions, checkFunction, checkLockOptions, checkPath } = require('./options')

/** Tells of lockers that nobody can unlock any more. */
const lost = new FinalizationRegistry(holds => {
  if (!isHeld(holds)) return
  process.emitWarning('a WriteLocker was garbage-collected while it held the lock, which stays held', {
    code: 'SQLOCK_LOST_LOCKER'
  })
})

const isHeld = ({ acquired, scoped }) => Boolean(acquired?.held || scoped?.held)

class WriteLocker {
  /** @type {Engine.Lock} */
  #lock
  #longHoldMs
  /**
   * The last hold of acquire() or tryAcquire(), which unlock() ends, and the last one of withLock(), which ends with its function.
   * The registry looks after them when the locker is gone, so they are an object of their own.
   */
  #holds = { acquired: null, scoped: null }

  /**
   * @param {Engine.Engine} engine
   * @param baseDir
   * @param options
   */
  constructor(engine, baseDir, options) {
    const path = checkPath('baseDir', baseDir)
    const { file, longHoldMs } = checkLockOptions('options', options)
    this.#longHoldMs = longHoldMs
    this.#lock = engine.lock(path, file)
    lost.register(this, this.#holds)
  }

  get lockPath() {
    return this.#lock.lockPath
  }

  get held() {
    return isHeld(this.#holds)
  }

  async acquire(options) {
    const { timeout, signal } = checkAcquireOptions(options)
    if (this.held) {
      throw new SqlockError(
        'ERR_SQLOCK_HELD',
        `this WriteLocker already holds ${this.lockPath}: use one locker for each caller, or withLock(), ` +
          'and end a hold with release() of its guard'
      )
    }
    return this.#guard(await this.#acquire({ timeout, signal, caller: this.acquire }))
  }

  async tryAcquire() {
    handOver()
    const id = this.held ? null : call(() => this.#lock.tryAcquire(false))
    if (id === null) return resolveFairly(null)
    const guard = this.#guard(this.#take(id, this.tryAcquire))
    if (diagnostics.lock.hasSubscribers) diagnostics.tellAcquired(this.#lock, 0)
    return resolveFairly(guard)
  }

  async unlock() {
    this.#holds.acquired?.release()
  }

  async release() {
    await this.unlock()
  }

  async withLock(fn, options) {
    checkFunction('fn', fn)
    const { timeout, signal } = checkAcquireOptions(options)
    const hold = await this.#acquire({ timeout, signal, caller: this.withLock })
    this.#holds.scoped = hold
    return runAndRelease(this, hold, fn)
  }

  async status() {
    return settled(this.#lock.status())
  }

  async [Symbol.asyncDispose]() {
    await this.unlock()
  }

  async #acquire({ timeout, signal, caller }) {
    if (call(() => scopeOf(this.#lock))) {
      throw new SqlockError(
        'ERR_SQLOCK_DEADLOCK',
        `this async context already holds ${this.lockPath} and would wait for itself`
      )
    }
    throwIfAborted(signal)
    const calledAt = diagnostics.lock.hasSubscribers ? now() : undefined
    const attempt = call(() => lockAttempt(this.#lock, { timeout, signal }))
    try {
      const hold = this.#take(await attempt.settled, caller)
      if (calledAt !== undefined) diagnostics.tellAcquired(this.#lock, now() - calledAt)
      return hold
    } catch (failure) {
      const told = withFullTimeout(failure, timeout)
      if (calledAt !== undefined) diagnostics.tellRefused(this.#lock, calledAt, 1, told)
      throw fromFailure(told)
    }
  }

  #take(id, caller) {
    const longHoldMs = this.#longHoldMs
    return new Hold(this.#lock, id, { longHoldMs, stack: stackOf(longHoldMs, caller) })
  }

  #guard(hold) {
    this.#holds.acquired = hold
    return new LockGuard(hold, this)
  }
}

module.exports = { WriteLocker }
