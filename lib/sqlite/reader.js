/**
 * The reads of one DB: plain ones on the calling thread, and those on libuv workers, which come a chunk at a time so that
 * the event loop stays free.
 *
 * What a caller reads is a `plan`: `{ statement, mode, form }`, a text with its values, how INTEGERs come, and as what a row
 * comes (see lib/sqlite/shapes.js).
 */
/** @import * as Engine from '../engine' */
'use strict'

const { setImmediate } = require('node:timers')
const { onAbort, throwIfAborted } = require('../base/abort')
const { workAttempt } = require('../base/attempt')
const { owned } = require('../base/bytes')
const { call, settled } = require('../base/failures')
const { Pending } = require('../base/pending')
const { Cursor } = require('./cursor')
const { Encoder } = require('./encoder')
const { formOf } = require('./form')
const { Taker, room, rowsOf } = require('./rows')
const { Semaphore } = require('./semaphore')

const MAX_STATEMENTS = 500
/** Few enough that who leaves early has not paid for many. */
const ROWS_IN_CHUNK = 256

/** @implements {Engine.Reader} */
class Reader {
  #native
  /** Limits the reads that are with libuv workers to the number of connections. */
  #workers
  #pending = new Pending()
  #hasRead = false
  #endTick = () => {
    this.#hasRead = false
    this.#native.endSnapshot()
  }
  #encoder = new Encoder()
  #statements = new Map()
  /** Iterators that have not come to their end, held weakly: one that nobody goes on with ends its snapshot when it is collected. */
  #cursors = new Set()

  constructor(native, readers) {
    this.#native = native
    this.#workers = new Semaphore(readers)
  }

  /** The first row, as the caller sees it in `transaction`: 0 for none. */
  first(transaction, plan) {
    const { native, taker } = this.#prepared(plan.statement.sql)
    const [parameters, keep] = [this.#encoded(plan.statement), this.#keepSnapshot()]
    taker.begin(plan.form)
    let value
    let rows
    try {
      value = native.first(transaction, keep, parameters, formOf(plan, true))
      // Otherwise there is no row, or the addon has called.
      if (value !== undefined && value !== null) taker.take(1, value)
    } finally {
      rows = taker.end()
    }
    return value === undefined ? undefined : rows.at(-1)
  }

  /** All rows. */
  all(transaction, plan) {
    const { native, taker } = this.#prepared(plan.statement.sql)
    const [parameters, keep] = [this.#encoded(plan.statement), this.#keepSnapshot()]
    taker.begin(plan.form)
    let count
    let rows
    try {
      count = native.read(transaction, keep, parameters, formOf(plan))
    } finally {
      rows = taker.end()
    }
    // What came before a read began once more does not count.
    return count === rows.length ? rows : rows.slice(rows.length - count)
  }

  /** One after the other, of which a chunk is there at a time. */
  iterate(plan) {
    return this.#walk(owned(plan))
  }

  /** The same, and the rows are read by a thread of their own. */
  iterateAsync(plan, signal) {
    return this.#walkAsync(owned(plan), signal)
  }

  /** Ends what iterates. */
  close() {
    for (const cursor of this.#cursors) cursor.deref()?.close()
  }

  /** The rows, or only the first, read by a worker, as the addon hands them over. */
  async allAsync(plan, first, signal) {
    throwIfAborted(signal)
    return this.#pending.track(this.#queue(plan, first, signal))
  }

  /** Resolves when no worker reads. */
  drained() {
    return this.#pending.drained()
  }

  /**
   * The second plain read of a tick and those that follow share a snapshot, as long as it is the newest. It ends with the tick:
   * longer it would keep checkpoints from their end. The first one has its own, since it is often the only one.
   */
  #keepSnapshot() {
    if (this.#hasRead) return true
    this.#hasRead = true
    setImmediate(this.#endTick)
    return false
  }

  /** What the addon keeps of a text; the least recently made go first. */
  #prepared(sql) {
    let prepared = this.#statements.get(sql)
    if (!prepared) {
      if (this.#statements.size >= MAX_STATEMENTS)
        this.#statements.delete(this.#statements.keys().next().value)
      const taker = new Taker()
      prepared = { native: this.#native.statement(sql, room, taker.take), taker }
      this.#statements.set(sql, prepared)
    }
    return prepared
  }

  /** The values of a plain read, which are used before another one begins. */
  #encoded(statement) {
    this.#encoder.reset()
    this.#encoder.parameters(statement)
    return this.#encoder.room
  }

  /** The same for a read that goes on later, and copies them: no more than there are. */
  #copiable(statement) {
    this.#encoded(statement)
    return this.#encoder.bytesFrom(0)
  }

  #cursor(plan) {
    const prepared = this.#prepared(plan.statement.sql)
    const values = this.#copiable(plan.statement)
    const native = call(() => prepared.native.cursor(values, formOf(plan), ROWS_IN_CHUNK))
    return new Cursor(native, this.#cursors)
  }

  *#walk(plan) {
    const cursor = this.#cursor(plan)
    try {
      for (let read = cursor.next(); read; read = cursor.next()) yield* rowsOf(read, plan)
    } finally {
      cursor.end()
    }
  }

  async *#walkAsync(plan, signal) {
    throwIfAborted(signal)
    const cursor = this.#cursor(plan)
    const stop = signal && onAbort(signal, () => cursor.end())
    try {
      for (let read = await cursor.nextAsync(); read; read = await cursor.nextAsync()) {
        yield* rowsOf(read, plan)
        throwIfAborted(signal)
      }
      throwIfAborted(signal)
    } catch (error) {
      throw signal?.aborted ? signal.reason : error
    } finally {
      stop?.()
      cursor.end()
    }
  }

  /** In the order of the calls, and no more at once than there are connections: nobody waits for one on a worker. */
  async #queue(plan, first, signal) {
    let { statement } = plan
    if (!this.#workers.tryAcquire()) {
      statement = owned(plan).statement
      await this.#workers.acquire(signal)
    }
    try {
      throwIfAborted(signal)
      const { native } = this.#prepared(statement.sql)
      const read = native.readApart(this.#copiable(statement), formOf(plan, first))
      return await settled(workAttempt(read, signal).settled)
    } finally {
      this.#workers.release()
    }
  }
}

module.exports = { Reader }
