/**
 * A database: plain reads, awaited writes.
 *
 * Reads run on the calling thread on a connection of their own. Writes go through the write queue; a call that is issued in
 * a scope of this directory runs under the hold of the scope.
 */
'use strict'

const { lockAttempt } = require('./attempts')
const { SqlockError, fromFailure } = require('./errors')
const { Hold, stackOf } = require('./hold')
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
const { checkItems, checkQuery } = require('./parameters')
const { Pending } = require('./pending')
const { toIntegerMode, toObjects, toRecord } = require('./rows')
const { runAndRelease, runInScope, scopeOf, scopeOwnedBy } = require('./scope')
const { WriteQueue } = require('./write-queue')

const nothing = () => {}

class DB {
  #native
  #lock
  #options
  #queue
  /** Running functions of withWriteLock. */
  #callbacks = new Pending()
  #closing = null

  constructor(dbPath, options) {
    const path = checkDatabasePath(dbPath)
    this.#options = checkDatabaseOptions(options)
    this.#native = call(() => new NativeDatabase(path, this.#options.native))
    this.#lock = this.#native.lock()
    const submit = (hold, ms, statements, bytes) => this.#native.write(hold, ms, statements, bytes)
    this.#queue = new WriteQueue(this.#lock, submit, this.#options.timeout)
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
    try {
      return this.#scope() !== undefined
    } catch {
      // The directory is gone, and nobody holds the lock of what is there now.
      return false
    }
  }

  async run(query, ...params) {
    const { sql, positional, named, timeout, signal } = checkQuery(query, params, this.#options.timeout)
    if (signal?.aborted) throw signal.reason
    const encode = batch => batch.run(sql, positional, named)
    return settled(this.#write(encode, this.#toResult, { timeout, signal }))
  }

  async batch(items, options) {
    const statements = checkItems(items)
    const { timeout, signal } = checkAcquireOptions(options, this.#options.timeout)
    if (signal?.aborted) throw signal.reason
    this.#assertOpen()
    if (statements.length === 0) return []
    const { length: count } = statements
    return settled(this.#write(batch => batch.all(statements), this.#toResult, { timeout, signal, count }))
  }

  async createRecord(name, value) {
    checkString('name', name)
    checkInteger('value', value)
    try {
      return await this.#write(batch => batch.createRecord(name, value), this.#toId)
    } catch (failure) {
      throw fromFailure(failure)
    }
  }

  async updateRecord(id, value) {
    checkInteger('id', id)
    checkInteger('value', value)
    await settled(this.#write(batch => batch.updateRecord(id, value), nothing))
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
    const running = scope ? runInScope(this, scope.hold, fn) : this.#hold(fn, timeout, signal)
    scope?.pending.track(running)
    return this.#callbacks.track(running)
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
    await this.#callbacks.drained()
    await this.#queue.drained()
    await settled(this.#native.close())
  }

  /** The scope of the current async flow whose hold is of this directory. */
  #scope() {
    return call(() => scopeOf(this.#lock))
  }

  /** Adds a write. Rejected with what the addon tells of a failure, of which the caller makes an error. */
  #write(encode, toResult, options) {
    this.#assertOpen()
    const scope = this.#scope()
    const written = this.#queue.write(encode, toResult, scope?.hold, options)
    return scope ? scope.pending.track(written) : written
  }

  #toId = (changes, rowid) => this.#toRowid(rowid)
  #toResult = (changes, rowid) => ({ changes, lastInsertRowid: this.#toRowid(rowid) })

  /** The write is committed and cannot be refused any more, so a rowid that is no safe integer comes as it is. */
  #toRowid(rowid) {
    return typeof rowid === 'bigint' ? rowid : toIntegerMode(rowid, this.#options.integers, 'rowid')
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
