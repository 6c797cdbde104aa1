/**
 * A SQLite database, as the other rooms see it: see `Database` in lib/engine.d.ts.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { workAttempt } = require('../base/attempt')
const { call, settled } = require('../base/failures')
const { Encoder } = require('./encoder')
const { NativeDatabase } = require('./native')
const { Reader } = require('./reader')
const { rowsSlowlyOf } = require('./rows')
const { stackBytes } = require('./thread')

/** The number of a transaction that there is not. */
const NONE = 0
/** The kind of so many SQL texts is kept. */
const MAX_TEXTS = 500

/** @implements {Engine.Database} */
class Database {
  lock
  reader
  #native
  #readonly
  #prepared = false
  /** Whether a text is a plain read. Whatever becomes of the schema, that stays. */
  #plain = new Map()

  /**
   * @param {string} path
   * @param {Engine.FileOptions | any} options the binding has enums for some
   */
  constructor(path, { readers, ...options }) {
    this.#native = call(() => new NativeDatabase(path, { ...options, stackBytes: stackBytes() }))
    this.#readonly = options.readonly
    this.lock = this.#native.lock()
    this.reader = new Reader(this.#native, readers)
  }

  get path() {
    return this.#native.path
  }

  get walPath() {
    return this.#native.walPath
  }

  /** Throws when the database was opened for reading only: before any lock is asked for. */
  checkWritable() {
    if (this.#readonly) call(() => this.#native.checkWritable())
  }

  /** @param {any} other a database of this engine */
  isFileOf(other) {
    return this.#native.isFileOf(other.#native)
  }

  /** Until the connection that writes is prepared, BEGIN takes longer than a moment. */
  isPrepared() {
    return (this.#prepared ||= this.#native.isPrepared())
  }

  beginAtOnce(hold, transaction) {
    call(() => this.#native.beginAtOnce(hold ?? NONE, transaction))
  }

  newEncoder() {
    return new Encoder()
  }

  write({ hold = NONE, transaction = NONE, timeoutMs = 0, statements, bytes }) {
    return this.#native.write(hold, transaction, timeoutMs, statements, bytes)
  }

  /** Other work of the event loop has its turn between two chunks. */
  rows(returned, plan) {
    return rowsSlowlyOf(returned, plan)
  }

  describe(transaction, sql) {
    return call(() => this.#native.describe(transaction, sql))
  }

  /**
   * May this text be given to a plain read? `undefined` while another program has the file to itself: the event loop must not wait for
   * that.
   */
  isPlain(sql) {
    let plain = this.#plain.get(sql)
    if (plain === undefined) {
      plain = this.#describedAtOnce(sql)?.plain
      if (plain === undefined) return undefined
      if (this.#plain.size >= MAX_TEXTS) this.#plain.clear()
      this.#plain.set(sql, plain)
    }
    return plain
  }

  /** The statement that answers `PRAGMA source`. */
  pragmaStatement(source) {
    return this.#native.pragmaStatement(source)
  }

  async checkpoint(mode, { hold = NONE, signal }) {
    const work = call(() => this.#native.checkpoint(hold, mode))
    return settled(workAttempt(work, signal).settled)
  }

  backup(destination, options) {
    const { backup } = require('./backup')
    return backup(this.#native, destination, options)
  }

  changes() {
    return call(() => this.#native.changes())
  }

  get changesSource() {
    return this.#native.changesSource
  }

  endChanges() {
    this.#native.endChanges()
  }

  close() {
    return settled(this.#native.close())
  }

  #describedAtOnce(sql) {
    try {
      return call(() => this.#native.describeAtOnce(sql))
    } catch (error) {
      if (isOfAnotherProgram(error)) return undefined
      throw error
    }
  }
}

/** Did a program that ignores the lock have the file to itself? */
const isOfAnotherProgram = error => error.code?.startsWith('SQLITE_BUSY')

module.exports = { Database }
