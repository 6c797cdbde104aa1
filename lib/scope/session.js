/**
 * What a DB does, on the target that each call belongs to.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { throwIfAborted } = require('../base/abort')
const { owned } = require('../base/bytes')
const diagnostics = require('../base/diagnostics')
const { SqlockError } = require('../base/errors')
const { call, ruleFailure } = require('../base/failures')
const { Pending } = require('../base/pending')
const { Stats } = require('../base/stats')
const { TIMER_MAX_MS } = require('../base/timers')
const { WriteQueue } = require('../write/write-queue')
const { Holds } = require('./holds')
const { outside, scopeOf, transactionIn } = require('./scope')
const { Target } = require('./target')

/**
 * How many commits until the WAL is looked after in the background. SQLite's own checkpoint, which a commit has to wait for,
 * then has little left to do.
 */
const COMMITS_TO_CHECKPOINT = 200

/** How soon close() looks again for what waits for the lock. */
const REFUSE_AGAIN_MS = 20

class Session {
  /** @type {Engine.Database} */
  database
  /** @type {Engine.Lock} */
  lock
  options
  holds
  stats = new Stats()
  /** The DB. */
  owner
  /** The result of a write that resolves to nothing. */
  done = (batch, place) => {
    batch.changes(place)
    this.stats.wrote()
  }
  /** The result of run(). */
  result = (batch, place) => ({ changes: batch.changes(place), lastInsertRowid: this.rowid(batch, place) })
  /** The rowid. The write is committed and cannot be refused, so a rowid that is no safe integer comes as a bigint. */
  rowid = (batch, place) => {
    const rowid = batch.rowid(place)
    this.stats.wrote()
    return typeof rowid === 'number' && this.options.integers === 'bigint' ? BigInt(rowid) : rowid
  }
  #returned = (batch, place) => ({ returned: batch.takeRows(place), ...this.result(batch, place) })
  #nothingDone
  #queue
  #itself
  /** A write under a hold waits for a transaction of another DB object on the same file, which waits for its function. */
  #checkDeadlock = () => {
    if (transactionIn(({ owner, database }) => owner !== this.owner && database.isFileOf(this.database))) {
      throw new SqlockError('ERR_SQLOCK_DEADLOCK', 'in a transaction of another DB object on the same file')
    }
  }
  #commits = 0
  #checkpointing = null
  #backups = new Pending()

  constructor(database, options) {
    this.database = database
    this.lock = database.lock
    this.options = options
    this.#nothingDone = { changes: 0, lastInsertRowid: options.integers === 'bigint' ? 0n : 0 }
    this.#queue = new WriteQueue(this, commits => this.#committed(commits))
    this.holds = new Holds(this, this.#queue)
    this.#itself = Target.ofDatabase(this.#queue)
  }

  /** What a call that is made now belongs to. */
  target() {
    if (outside()) return this.#itself
    const transaction = transactionIn(({ owner }) => owner === this.owner)
    if (transaction) return transaction.target
    const scope = call(() => scopeOf(this.lock))
    return scope ? Target.ofHold(this.#queue, scope, this.#checkDeadlock) : this.#itself
  }

  /** How many writes and holds wait for the lock. */
  get waiting() {
    return this.#queue.waiting
  }

  run(target, statement, options) {
    return this.write(target, encoder => encoder.run(statement), options, this.result)
  }

  exec(target, sql, options) {
    return this.write(target, encoder => encoder.exec(sql), options, this.done)
  }

  first(target, plan) {
    return this.read(target, transaction => this.database.reader.first(transaction, plan))
  }

  all(target, plan) {
    return this.read(target, transaction => this.database.reader.all(transaction, plan))
  }

  /** In a transaction, whose connection has other work between two steps, all rows are read at once. */
  iterate(target, plan) {
    return target.transaction ? this.all(target, plan).values() : this.database.reader.iterate(plan)
  }

  /** Does a plain read on a target: `work` gets the number of its transaction. */
  read(target, work) {
    return call(() => target.read(work))
  }

  batch(target, statements, options) {
    const { length: count } = statements
    throwIfAborted(options.signal)
    if (count === 0) return Promise.resolve([])
    const results = (batch, place) => statements.map((_, n) => this.result(batch, place + n))
    return this.write(target, encoder => encoder.all(statements), { ...options, count }, results)
  }

  /** Adds a write to a target; resolves to what `read` makes of its batch and its place there. */
  write(target, encode, options, read) {
    throwIfAborted(options?.signal)
    this.database.checkWritable()
    const { batch, place } = target.write(encode, options)
    return batch.outcome(place, read)
  }

  async getAsync(target, plan, options) {
    return (await this.execute(target, plan, options, true)).rows[0]
  }

  async allAsync(target, plan, options) {
    return (await this.execute(target, plan, options)).rows
  }

  /** The rows and counts of a statement. A worker reads without the lock, unless the statement writes or is in a transaction. */
  async execute(target, plan, options, first = false) {
    const plain = !target.transaction && this.database.isPlain(plan.statement.sql)
    // If it turns out to be a write only later, its values are still those of the call.
    const kept = plain === undefined ? owned(plan) : plan
    const encode = encoder => encoder.query(kept, first)
    const write = () => this.write(target, encode, options, this.#returned)
    const { returned, ...result } = await (plain === false
      ? write()
      : this.#readApart(plan, first, options?.signal, plain ? undefined : write))
    return { columns: returned.columns, rows: await this.database.rows(returned, plan), ...result }
  }

  /** Reads on a worker. If the statement turns out to be a write there, `write` runs it. */
  async #readApart(plan, first, signal, write) {
    try {
      return { returned: await this.database.reader.allAsync(plan, first, signal), ...this.#nothingDone }
    } catch (error) {
      if (!write || error.code !== 'ERR_SQLOCK_SYNC_WRITE') throw error
      return write()
    }
  }

  iterateAsync(target, plan, signal) {
    if (target.transaction) {
      const kept = owned(plan)
      return oneByOne(() => this.allAsync(target, kept, { signal }))
    }
    return this.database.reader.iterateAsync(plan, signal)
  }

  /** What a statement is. */
  describe(target, sql) {
    return this.read(target, transaction => this.database.describe(transaction, sql))
  }

  async checkpoint(target, mode, options) {
    if (target.transaction) {
      throw new SqlockError('ERR_SQLOCK_DEADLOCK', 'checkpoint() in a transaction would wait for its end')
    }
    this.database.checkWritable()
    const { signal } = options
    if (mode === 'PASSIVE') return this.#checkpoint(mode, { background: false, signal })
    const work = async () =>
      this.#checkpoint(mode, { background: false, hold: this.target().hold.id, signal })
    return this.holds.withHold(target, work, options)
  }

  backup(destination, options) {
    return this.#backups.track(this.database.backup(destination, options))
  }

  /**
   * Resolves when all calls have ended.
   *
   * @param timeout ms until the calls that wait for the lock are rejected
   */
  async end(timeout) {
    const refusal = ruleFailure('ERR_SQLOCK_CLOSED', 'the database was closed before the lock was granted')
    // Repeated: with a full pool, a write that no worker has tried yet is found waiting only later.
    const refuse = () => {
      this.#queue.refuseWaiting(refusal)
      timer = setTimeout(refuse, REFUSE_AGAIN_MS)
    }
    let timer = timeout > TIMER_MAX_MS ? undefined : setTimeout(refuse, timeout)
    this.database.reader.close()
    this.database.endChanges()
    await this.holds.end()
    await this.#queue.drained()
    await this.database.reader.drained()
    await this.#checkpointing
    await this.#backups.drained()
    clearTimeout(timer)
    await this.database.close()
  }

  #committed(commits) {
    this.stats.committed(commits)
    this.#commits += commits
    if (this.#commits < COMMITS_TO_CHECKPOINT || this.#checkpointing) return
    this.#commits = 0
    // An error is not lost: the commits meet it, too.
    const ended = () => (this.#checkpointing = null)
    this.#checkpointing = this.#checkpoint('PASSIVE', { background: true }).then(ended, ended)
  }

  async #checkpoint(mode, { background, ...options }) {
    throwIfAborted(options.signal)
    const checkpoint = this.database.checkpoint(mode, options)
    if (!diagnostics.checkpoint.hasSubscribers) return checkpoint
    return diagnostics.tellCheckpoint(this.database, mode, background, checkpoint)
  }
}

/** The rows of a promise. */
async function* oneByOne(read) {
  yield* await read()
}

module.exports = { Session }
