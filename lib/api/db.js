/**
 * A database: plain reads, awaited writes.
 *
 * Plain reads run on the calling thread, on a connection of their own. Writes go through the write queue. A call that is made in a
 * scope of this directory runs under the hold of the scope, and in its transaction.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { statSync } = require('node:fs')
const { dirname } = require('node:path')
const { throwIfAborted } = require('../base/abort')
const { SqlockError } = require('../base/errors')
const { settled } = require('../base/failures')
const { issue, issueRows } = require('../scope/issue')
const { scopeOwnedBy } = require('../scope/scope')
const { Session } = require('../scope/session')
const { changesOf, liveRowsOf } = require('./changes')
const {
  checkAcquireOptions,
  checkBackupOptions,
  checkChangesOptions,
  checkCheckpointMode,
  checkCloseOptions,
  checkDatabaseOptions,
  checkDatabasePath,
  checkDestination,
  checkFunction,
  checkInteger,
  checkMigrateOptions,
  checkPragma,
  checkString
} = require('./options')
const { checkStatement, checkWatch } = require('./parameters')
const { Queryable } = require('./queryable')
const { Records } = require('./records')
const { Transaction } = require('./transaction')

class DB extends Queryable {
  /** @type {Engine.Database} */
  #database
  #options
  #session
  #records
  #find = () => this.#target()
  #closing = null

  /**
   * @param {Engine.Engine} engine
   * @param dbPath
   * @param options
   */
  constructor(engine, dbPath, options) {
    const path = checkDatabasePath(dbPath)
    const checked = checkDatabaseOptions(options)
    const database = engine.open(path, checked.file)
    const session = new Session(database, checked)
    super(session, () => this.#target())
    session.owner = this
    this.#session = session
    this.#database = database
    this.#options = checked
    this.#records = new Records(session)
  }

  get dbPath() {
    return this.#database.path
  }

  get baseDir() {
    return dirname(this.#session.lock.lockPath)
  }

  get open() {
    return this.#closing === null
  }

  get inWriteLock() {
    try {
      return Boolean(this.#session.target().hold?.held)
    } catch {
      // The directory is gone: nobody holds a lock there.
      return false
    }
  }

  createRecord(name, value) {
    return issue(this.#find, target => {
      checkString('name', name)
      checkInteger('value', value)
      const encode = encoder => encoder.createRecord(name, value)
      return this.#session.write(target, encode, undefined, this.#session.rowid)
    })
  }

  updateRecord(id, value) {
    return issue(this.#find, target => {
      checkInteger('id', id)
      checkInteger('value', value)
      const encode = encoder => encoder.updateRecord(id, value)
      return this.#session.write(target, encode, undefined, this.#session.done)
    })
  }

  getRecord(id) {
    return this.#records.get(this.#target(), checkInteger('id', id))
  }

  getAllRecords() {
    return this.#records.all(this.#target())
  }

  getRecordAsync(id) {
    return issue(this.#find, target => this.#records.getAsync(target, checkInteger('id', id)))
  }

  getAllRecordsAsync() {
    return issue(this.#find, target => this.#records.allAsync(target))
  }

  pragma(source, options) {
    const { simple, source: text } = checkPragma(source, options)
    const target = this.#target()
    const statement = checkStatement(this.#database.pragmaStatement(text), [])
    const form = simple ? 'pluck' : 'object'
    const rows = this.#session.all(target, { statement, mode: this.#options.integers, form })
    return simple ? rows[0] : rows
  }

  withWriteLock(fn, options) {
    return issue(this.#find, async target => {
      checkFunction('fn', fn)
      return this.#session.holds.withHold(target, fn, this.#wait(options, this.withWriteLock))
    })
  }

  transaction(fn, options) {
    return issue(this.#find, async target => {
      checkFunction('fn', fn)
      return this.#transact(target, fn, this.#wait(options, this.transaction))
    })
  }

  begin(options) {
    return issue(this.#find, async target => {
      const open = await this.#session.holds.begin(target, this.#wait(options, this.begin))
      return this.#asTransaction(open)
    })
  }

  async migrate(migrations, options) {
    const transact = (fn, wait, foreignKeys) =>
      issue(this.#find, target =>
        this.#transact(target, fn, { ...this.#wait(wait, this.migrate), foreignKeys })
      )
    // Loaded when it is needed, since each file costs time at the start of a process. Not so what a program needs while it runs:
    // it may have no descriptor left to load a file with.
    const { migrate } = require('./migrations')
    return migrate(this, transact, migrations, checkMigrateOptions(options))
  }

  checkpoint(mode, options) {
    return issue(this.#find, async target =>
      this.#session.checkpoint(target, checkCheckpointMode(mode), this.#wait(options, this.checkpoint))
    )
  }

  async backup(destination, options) {
    this.#assertOpen()
    return this.#session.backup(checkDestination(destination), checkBackupOptions(options))
  }

  changes(options) {
    return this.#follow(changesOf, () => checkChangesOptions(options))
  }

  watch(query, ...params) {
    return this.#follow(liveRowsOf, () => checkWatch(query, params, this.#options))
  }

  async lockStatus() {
    this.#assertOpen()
    return settled(this.#session.lock.status())
  }

  stats() {
    const walBytes = statSync(this.#database.walPath, { throwIfNoEntry: false })?.size ?? 0
    const { waiting: queue, stats } = this.#session
    return { ...stats.summary(), queue, walBytes, changes: this.#database.changesSource }
  }

  async close(options) {
    const { timeout } = checkCloseOptions(options)
    if (scopeOwnedBy(this)) {
      throw new SqlockError('ERR_SQLOCK_DEADLOCK', 'close() in a callback of this DB would wait for itself')
    }
    this.#closing ??= this.#session.end(timeout)
    return this.#closing
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }

  #transact(target, fn, options) {
    return this.#session.holds.transact(target, open => fn(this.#asTransaction(open)), options)
  }

  /** What iterates over commits belongs to no scope. */
  #follow(begin, check) {
    return issueRows(
      () => this.#assertOpen(),
      () => begin(this.#database, { ...check(), isOpen: () => this.open })
    )
  }

  #asTransaction(open) {
    return new Transaction(this.#session, open)
  }

  /** How a call waits for the lock. `caller`: the method that was called. */
  #wait(options, caller) {
    const { timeout, signal } = checkAcquireOptions(options, this.#options.timeout)
    throwIfAborted(signal)
    return { timeout, signal, caller }
  }

  #target() {
    this.#assertOpen()
    return this.#session.target()
  }

  /** The DB is open, or it is closing and the call is made in one of its callbacks, which may finish their calls. */
  #assertOpen() {
    if (!this.open && !scopeOwnedBy(this))
      throw new SqlockError('ERR_SQLOCK_CLOSED', 'the database is closed')
  }
}

module.exports = { DB }
