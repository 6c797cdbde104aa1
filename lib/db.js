/**
 * A database: plain reads, awaited writes.
 *
 * Reads run on the calling thread on a connection of their own. Writes go through the write queue; a call that is issued in
 * a scope of this directory runs under the hold of the scope.
 */
'use strict'

const { lockAttempt } = require('./attempts')
const { SqlockError } = require('./errors')
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
    const { statement, timeout, signal } = checkQuery(query, params, this.#options.timeout)
    if (signal?.aborted) throw signal.reason
    const { batch, place } = this.#write(batch => batch.run(statement), { timeout, signal })
    while (!batch.settled(place)) await batch.progress
    return this.#resultOf(batch, place)
  }

  async batch(items, options) {
    const statements = checkItems(items)
    const { timeout, signal } = checkAcquireOptions(options, this.#options.timeout)
    if (signal?.aborted) throw signal.reason
    this.#assertOpen()
    const { length: count } = statements
    if (count === 0) return []
    const { batch, place } = this.#write(batch => batch.all(statements), { timeout, signal, count })
    while (!batch.settled(place)) await batch.progress
    return statements.map((_, n) => this.#resultOf(batch, place + n))
  }

  async createRecord(name, value) {
    checkString('name', name)
    checkInteger('value', value)
    const { batch, place } = this.#write(batch => batch.createRecord(name, value))
    while (!batch.settled(place)) await batch.progress
    return this.#rowidOf(batch, place)
  }

  async updateRecord(id, value) {
    checkInteger('id', id)
    checkInteger('value', value)
    const { batch, place } = this.#write(batch => batch.updateRecord(id, value))
    while (!batch.settled(place)) await batch.progress
    batch.changes(place)
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

  /** Adds a write: `{ batch, place }`. A scope it is issued in ends after it. */
  #write(encode, options) {
    this.#assertOpen()
    const scope = this.#scope()
    const write = this.#queue.write(encode, scope?.hold, options)
    scope?.pending.track(settlement(write))
    return write
  }

  #resultOf(batch, place) {
    return { changes: batch.changes(place), lastInsertRowid: this.#rowidOf(batch, place) }
  }

  /** The write is committed and cannot be refused any more, so a rowid that is no safe integer comes as it is. */
  #rowidOf(batch, place) {
    const rowid = batch.rowid(place)
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

/** Resolves when a write has succeeded or failed. */
async function settlement({ batch, place }) {
  while (!batch.settled(place)) await batch.progress
}

module.exports = { DB }
