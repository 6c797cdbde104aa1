/**
 * What a DB does, and what each call belongs to.
 *
 * Where a call belongs is decided when it is issued. Its target is the transaction or the hold of the scope it is issued in, or
 * else the DB itself: an object with
 * - `hold`, if it has one
 * - `write(encode, options)`, which adds a write and returns `{ batch, place }`, see Batch
 * - `read(work)`, which does a plain read: `work` gets the number of the transaction
 * - `track(promise)`, which sees to it that a scope ends after its calls
 * - `turn(timeout, signal, bare)`, which waits for a time in which nothing else is done under its hold
 */
'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { throwIfAborted } = require('./abort')
const { workAttempt } = require('./attempts')
const { backup } = require('./backup')
const { owned } = require('./bytes')
const diagnostics = require('./diagnostics')
const { SqlockError, ruleFailure } = require('./errors')
const { formOf } = require('./form')
const { Holds } = require('./holds')
const { call, settled } = require('./native')
const { OpenTransaction } = require('./open-transaction')
const { Pending } = require('./pending')
const { Reader } = require('./reader')
const { rowsSlowlyOf } = require('./rows')
const { outside, scopeOf, transactionIn } = require('./scope')
const { Stats } = require('./stats')
const { TIMER_MAX_MS } = require('./timers')
const { WriteQueue } = require('./write-queue')

/** The number of a transaction that there is not. */
const NONE = 0

/**
 * How many commits until the WAL is looked after in the background. SQLite's own checkpoint, which a commit has to wait for,
 * then has little left to do.
 */
const COMMITS_TO_CHECKPOINT = 200

/** How soon close() looks again for what waits for the lock. */
const REFUSE_AGAIN_MS = 20
/** Of so many texts is kept what they are. */
const MAX_TEXTS = 500

class Session {
  native
  lock
  options
  reader
  holds
  stats = new Stats()
  /** The DB. */
  owner
  /** What a write resolves to: nothing. */
  done = (batch, place) => {
    batch.changes(place)
    this.stats.wrote()
  }
  /** What run() tells. */
  result = (batch, place) => ({ changes: batch.changes(place), lastInsertRowid: this.rowid(batch, place) })
  /** The rowid. The write cannot be refused any more, so one that is no safe integer comes as it is. */
  rowid = (batch, place) => {
    const rowid = batch.rowid(place)
    this.stats.wrote()
    return typeof rowid === 'number' && this.options.integers === 'bigint' ? BigInt(rowid) : rowid
  }
  #returned = (batch, place) => ({ returned: batch.takeRows(place), ...this.result(batch, place) })
  #nothingDone
  #queue
  #direct
  #commits = 0
  #checkpointing = null
  #backups = new Pending()
  /** Of the texts that were given to reads on workers. */
  #plain = new Map()

  constructor(native, options) {
    this.native = native
    this.lock = native.lock()
    this.options = options
    this.#nothingDone = { changes: 0, lastInsertRowid: options.integers === 'bigint' ? 0n : 0 }
    this.reader = new Reader(native, options.readers)
    this.#queue = new WriteQueue(this, commits => this.#committed(commits))
    this.holds = new Holds(this, this.#queue)
    this.#direct = {
      hold: null,
      write: (encode, options) => this.#queue.write(encode, options),
      read: work => work(NONE),
      track: promise => promise
    }
  }

  /** Where a call that is issued now belongs. */
  target() {
    if (outside()) return this.#direct
    const transaction = transactionIn(({ owner }) => owner === this.owner)
    if (transaction) return transaction
    const scope = call(() => scopeOf(this.lock))
    return scope ? this.#targetUnder(scope) : this.#direct
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
    this.checkWritable()
    const { batch, place } = target.write(encode, options)
    return batch.outcome(place, read)
  }

  async getAsync(target, plan, options) {
    return (await this.execute(target, plan, options, true)).rows[0]
  }

  async allAsync(target, plan, options) {
    return (await this.execute(target, plan, options)).rows
  }

  /** The rows, and what it did: by a worker and without the lock, unless it writes or belongs to a transaction. */
  async execute(target, plan, options, first = false) {
    const plain = !(target instanceof OpenTransaction) && this.#isPlain(plan.statement.sql)
    // If it turns out to be a write only later, its values are still those of the call.
    const { statement } = plain === undefined ? owned(plan) : plan
    const encode = encoder => encoder.query(statement, formOf(plan, first))
    const write = () => this.write(target, encode, options, this.#returned)
    const { returned, ...result } = await (plain === false
      ? write()
      : this.#readApart(plan, first, options?.signal, plain ? undefined : write))
    return { columns: returned.columns, rows: await rowsSlowlyOf(returned, plan), ...result }
  }

  /** Reads by a worker. `write` does what turns out to be a write there. */
  async #readApart(plan, first, signal, write) {
    try {
      return { returned: await this.reader.allAsync(plan, first, signal), ...this.#nothingDone }
    } catch (error) {
      if (!write || error.code !== 'ERR_SQLOCK_SYNC_WRITE') throw error
      return write()
    }
  }

  iterateAsync(target, plan, signal) {
    if (target instanceof OpenTransaction) {
      const kept = owned(plan)
      return oneByOne(() => this.allAsync(target, kept, { signal }))
    }
    return this.reader.iterateAsync(plan, signal)
  }

  /** What a statement is. */
  describe(target, sql) {
    return call(() => target.read(transaction => this.native.describe(transaction, sql)))
  }

  async checkpoint(target, mode, options, asker) {
    if (target instanceof OpenTransaction) {
      throw new SqlockError('ERR_SQLOCK_DEADLOCK', 'checkpoint() in a transaction would wait for its end')
    }
    this.checkWritable()
    const { signal } = options
    if (mode === 'PASSIVE') return this.#checkpoint(NONE, mode, false, signal)
    const work = async () => this.#checkpoint(this.target().hold.id, mode, false, signal)
    return this.holds.withHold(target, work, options, asker)
  }

  backup(destination, options) {
    return this.#backups.track(backup(this.native, destination, options))
  }

  /**
   * Resolves when all that is under way has ended.
   *
   * @param timeout ms until what waits for the lock is rejected
   */
  async end(timeout) {
    const refusal = ruleFailure('ERR_SQLOCK_CLOSED', 'the database was closed before the lock was granted')
    // Again and again: one that no worker has tried yet, since the pool is full, is found waiting only later.
    const refuse = () => {
      this.#queue.refuseWaiting(refusal)
      timer = setTimeout(refuse, REFUSE_AGAIN_MS)
    }
    let timer = timeout > TIMER_MAX_MS ? undefined : setTimeout(refuse, timeout)
    this.reader.close()
    await this.holds.end()
    await this.#queue.drained()
    await this.reader.drained()
    await this.#checkpointing
    await this.#backups.drained()
    clearTimeout(timer)
    await settled(this.native.close())
  }

  /**
   * May this text be given to a plain read? Whatever becomes of the schema, it may later too. `undefined` while another program has
   * the file to itself: the event loop must not wait for that.
   */
  #isPlain(sql) {
    let plain = this.#plain.get(sql)
    if (plain === undefined) {
      plain = this.#describedAtOnce(sql)?.plain
      if (plain === undefined) return undefined
      if (this.#plain.size >= MAX_TEXTS) this.#plain.clear()
      this.#plain.set(sql, plain)
    }
    return plain
  }

  #describedAtOnce(sql) {
    try {
      return call(() => this.native.describeAtOnce(sql))
    } catch (error) {
      if (isOfAnotherProgram(error)) return undefined
      throw error
    }
  }

  /** Throws when the database was opened for reading only: before any lock is asked for. */
  checkWritable() {
    if (this.options.native.readonly) call(() => this.native.checkWritable())
  }

  #targetUnder({ hold, pending }) {
    const lane = this.#queue.laneOf(hold)
    const checked = () => {
      if (transactionIn(({ owner, native }) => owner !== this.owner && native.isFileOf(this.native))) {
        throw new SqlockError('ERR_SQLOCK_DEADLOCK', 'in a transaction of another DB object on the same file')
      }
      return lane
    }
    return {
      hold,
      write: (encode, options) => this.#queue.writeIn(checked(), encode, options),
      read: work => work(NONE),
      track: promise => pending.track(promise),
      turn: async (timeout, signal, bare) => this.#queue.turnIn(checked(), timeout, signal, bare)
    }
  }

  #committed(commits) {
    this.stats.committed(commits)
    this.#commits += commits
    if (this.#commits < COMMITS_TO_CHECKPOINT || this.#checkpointing) return
    this.#commits = 0
    // Whatever keeps it from its work is met by the commits too, which tell.
    const ended = () => (this.#checkpointing = null)
    this.#checkpointing = this.#checkpoint(NONE, 'PASSIVE', true).then(ended, ended)
  }

  async #checkpoint(hold, mode, background, signal) {
    throwIfAborted(signal)
    const work = call(() => this.native.checkpoint(hold, mode))
    const checkpoint = settled(workAttempt(work, signal).settled)
    if (!diagnostics.checkpoint.hasSubscribers) return checkpoint
    return diagnostics.tellCheckpoint(this.native, mode, background, checkpoint)
  }
}

/** Did a program that ignores the lock have the file to itself? */
const isOfAnotherProgram = error => error.code?.startsWith('SQLITE_BUSY')

/** The rows of a promise. */
async function* oneByOne(read) {
  yield* await read()
}

module.exports = { Session }
