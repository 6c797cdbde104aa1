/**
 * A database: plain reads, awaited writes.
 *
 * Reads run on the calling thread on a connection of their own. Writes go through the write queue; a call that is issued in
 * a scope of this directory runs under the hold of the scope.
 */
'use strict'

const { lockAttempt, writeAttempt } = require('./attempts')
const { SqlockError, fromFailure } = require('./errors')
const { Hold, stackOf, warnOfRelease } = require('./hold')
const { NativeDatabase, call, settled } = require('./native')
const {
  checkAcquireOptions,
  checkDatabaseOptions,
  checkDatabasePath,
  checkFunction,
  checkInteger,
  checkPragma,
  checkString
} = require('./options')
const { dirname } = require('node:path')
const { Pending } = require('./pending')
const { toIntegerMode, toObjects, toRecord } = require('./rows')
const { runAndRelease, runInScope, scopeOf, scopeOwnedBy } = require('./scope')
const { WriteQueue } = require('./write-queue')

/** The hold of a write that takes the lock itself. */
const NO_HOLD = 0

class DB {
  #native
  #lock
  #options
  #queue
  #pending = new Pending()
  #closing = null

  constructor(dbPath, options) {
    const path = checkDatabasePath(dbPath)
    this.#options = checkDatabaseOptions(options)
    this.#native = call(() => new NativeDatabase(path, this.#options.native))
    this.#lock = this.#native.lock()
    this.#queue = new WriteQueue(this.#lock)
  }

  get dbPath() {
    return this.#native.path
  }

  get baseDir() {
    return dirname(this.#lock.lockPath)
  }

  get open() {
    return this.#closing === null
  }

  get inWriteLock() {
    return this.#scope() !== undefined
  }

  async createRecord(name, value) {
    checkString('name', name)
    checkInteger('value', value)
    const id = await this.#write((hold, ms) => this.#native.createRecord(hold, ms, name, value))
    // The write is committed, so an id that is no safe integer comes as it is.
    return typeof id === 'bigint' ? id : toIntegerMode(id, this.#options.integers, 'id')
  }

  async updateRecord(id, value) {
    checkInteger('id', id)
    checkInteger('value', value)
    await this.#write((hold, ms) => this.#native.updateRecord(hold, ms, id, value))
  }

  getRecord(id) {
    checkInteger('id', id)
    this.#assertOpen()
    const row = call(() => this.#native.record(id))
    return row === null ? undefined : toRecord(row, this.#options.integers)
  }

  getAllRecords() {
    this.#assertOpen()
    return call(() => this.#native.records()).map(row => toRecord(row, this.#options.integers))
  }

  pragma(source, options) {
    const { simple, source: text } = checkPragma(source, options)
    this.#assertOpen()
    const rows = toObjects(
      call(() => this.#native.pragma(text)),
      this.#options.integers
    )
    return simple ? Object.values(rows[0] ?? {})[0] : rows
  }

  async withWriteLock(fn, options) {
    checkFunction('fn', fn)
    const { timeout, signal } = checkAcquireOptions(options, this.#options.timeout)
    if (signal?.aborted) throw signal.reason
    this.#assertOpen()
    const scope = this.#scope()
    return this.#track(scope, scope ? runInScope(this, scope.hold, fn) : this.#hold(fn, timeout, signal))
  }

  async lockStatus() {
    this.#assertOpen()
    return settled(this.#lock.status())
  }

  async close() {
    if (scopeOwnedBy(this)) {
      throw new SqlockError('ERR_SQLOCK_DEADLOCK', 'close() in a callback of this DB would wait for itself')
    }
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }

  async #close() {
    await this.#pending.drained()
    await settled(this.#native.close())
  }

  /** The scope of the current async flow whose hold is of this directory. */
  #scope() {
    return call(() => scopeOf(this.#lock))
  }

  /** Counts a call for those who wait for the last one: close(), and the scope it was issued in. */
  #track(scope, promise) {
    scope?.pending.track(promise)
    return this.#pending.track(promise)
  }

  async #write(submit) {
    this.#assertOpen()
    const scope = this.#scope()
    const { timeout } = this.#options
    const start = ms => writeAttempt(submit(NO_HOLD, ms))
    // The hold may end while the write waits for those before it: then it takes the lock like anybody.
    const startUnder = ({ held, id }) => (held ? writeAttempt(submit(id, Infinity)) : start(timeout))
    const written = scope
      ? this.#queue.writeUnder(scope.hold, () => startUnder(scope.hold))
      : this.#queue.write(start, timeout)
    const { value, warning } = await settled(this.#track(scope, written))
    if (warning) warnOfRelease(fromFailure(warning))
    return value
  }

  async #hold(fn, timeout, signal) {
    const { longHoldMs } = this.#options
    const stack = stackOf(longHoldMs, this.withWriteLock)
    const start = ms => lockAttempt(this.#lock, ms, signal)
    const hold = new Hold(await settled(this.#queue.acquire(start, timeout, signal)), longHoldMs, stack)
    return runAndRelease(this, hold, fn)
  }

  /** Open, or closing and in one of its own callbacks, which finish with their calls. */
  #assertOpen() {
    if (!this.open && !scopeOwnedBy(this))
      throw new SqlockError('ERR_SQLOCK_CLOSED', 'the database is closed')
  }
}

module.exports = { DB }
