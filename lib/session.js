/**
 * What a DB has under way: its writes, and the holds and transactions that they belong to.
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
const { SqlockError, ruleFailure } = require('./errors')
const { Hold, releaseOrWarn, stackOf } = require('./hold')
const { call, settled } = require('./native')
const { OpenTransaction } = require('./open-transaction')
const { Pending } = require('./pending')
const { Reader, decodeSlowly } = require('./reader')
const { outside, runAndRelease, runInScope, scopeOf, scopeUnder, transactionIn } = require('./scope')
const { Stats } = require('./stats')
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
  #queue
  #direct
  /** Functions that run under a hold. */
  #callbacks = new Pending()
  /** Transactions of begin() that were issued in no scope. */
  #begun = new Set()
  #commits = 0
  #checkpointing = null
  #ending = false
  /** Of the texts that were given to reads on workers. */
  #plain = new Map()

  constructor(native, options) {
    this.native = native
    this.lock = native.lock()
    this.options = options
    this.reader = new Reader(native, options.readers)
    this.#queue = new WriteQueue(this, commits => this.#committed(commits))
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

  /** How many writes wait for the lock. */
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
    options.signal?.throwIfAborted()
    if (count === 0) return Promise.resolve([])
    const results = (batch, place) => statements.map((_, n) => this.result(batch, place + n))
    return this.write(target, encoder => encoder.all(statements), { ...options, count }, results)
  }

  /** Adds a write to a target; resolves to what `read` makes of its batch and its place there. */
  write(target, encode, options, read) {
    options?.signal?.throwIfAborted()
    this.#checkWritable()
    const { batch, place } = target.write(encode, options)
    return batch.outcome(place, read)
  }

  async getAsync(target, plan, options) {
    const [row] = await this.#readAsync(target, plan, true, options)
    return row
  }

  allAsync(target, plan, options) {
    return this.#readAsync(target, plan, false, options)
  }

  iterateAsync(target, plan, signal) {
    if (target instanceof OpenTransaction) return oneByOne(() => this.allAsync(target, plan, { signal }))
    return this.reader.iterateAsync(plan, signal)
  }

  /** What a statement is. */
  describe(target, sql) {
    return call(() => target.read(transaction => this.native.describe(transaction, sql)))
  }

  /** Runs `fn` under the hold of the target, or under one of its own. */
  withHold(target, fn, options, asker) {
    const running = target.hold
      ? runInScope(this.owner, target.hold, fn)
      : this.#runUnderHold(fn, options, asker)
    return this.#callbacks.track(running)
  }

  /** A transaction that a driver ends. */
  begin(target, options, asker) {
    const scope = target.hold ? scopeUnder(target.hold) : undefined
    return this.#callbacks.track(this.#begin(target, scope?.begun ?? this.#begun, options, asker))
  }

  async #begin(target, begun, options, asker) {
    const open = await this.#open(target, options, asker, begun)
    // One of a running function finishes with it.
    if (!this.#ending || target.hold) return open
    await open.rollback()
    throw new SqlockError('ERR_SQLOCK_CLOSED', 'the database was closed before the transaction had begun')
  }

  /** Runs `fn` in a transaction, or in a savepoint of the one that is the target. */
  transact(target, fn, options, asker) {
    return this.#callbacks.track(this.#transact(target, fn, options, asker))
  }

  async checkpoint(target, mode, options, asker) {
    if (target instanceof OpenTransaction) {
      throw new SqlockError('ERR_SQLOCK_DEADLOCK', 'checkpoint() in a transaction would wait for its end')
    }
    this.#checkWritable()
    if (mode === 'PASSIVE') return settled(this.native.checkpoint(NONE, mode))
    const work = async () => settled(this.native.checkpoint(this.target().hold.id, mode))
    return this.withHold(target, work, options, asker)
  }

  /**
   * Resolves when all that is under way has ended.
   *
   * @param timeout ms until what waits for the lock is rejected
   */
  async end(timeout) {
    const refusal = ruleFailure('ERR_SQLOCK_CLOSED', 'the database was closed before the lock was granted')
    this.#ending = true
    // Again and again: one that no worker has tried yet, since the pool is full, is found waiting only later.
    const refuse = () => {
      this.#queue.refuseWaiting(refusal)
      timer = setTimeout(refuse, REFUSE_AGAIN_MS)
    }
    let timer = timeout === Infinity ? undefined : setTimeout(refuse, timeout)
    for (const open of this.#begun) open.rollback()
    this.reader.close()
    await this.#callbacks.drained()
    await this.#queue.drained()
    await this.reader.drained()
    await this.#checkpointing
    clearTimeout(timer)
    await settled(this.native.close())
  }

  /** By a worker and without the lock, unless it writes or belongs to a transaction. */
  async #readAsync(target, plan, first, options) {
    const isApart = !(target instanceof OpenTransaction) && this.#isPlain(target, plan.statement.sql)
    if (isApart) return this.reader.allAsync(plan, first, options?.signal)
    const encode = encoder => encoder.query(plan.statement, first, plan.mode === 'bigint')
    const returned = await this.write(target, encode, options, rowsOf)
    this.stats.wrote()
    return decodeSlowly(returned, plan)
  }

  /** May this text be given to a plain read? Whatever becomes of the schema, it may later too. */
  #isPlain(target, sql) {
    let plain = this.#plain.get(sql)
    if (plain === undefined) {
      plain = this.describe(target, sql).plain
      if (this.#plain.size >= MAX_TEXTS) this.#plain.clear()
      this.#plain.set(sql, plain)
    }
    return plain
  }

  async #runUnderHold(fn, options, asker) {
    return runAndRelease(this.owner, await this.#takeHold(options, asker), fn)
  }

  async #transact(target, fn, options, asker) {
    const open = await this.#open(target, options, asker)
    open.heed(options.signal)
    let value
    try {
      value = await Promise.race([runInScope(this.owner, open.hold, () => fn(open), open), open.aborted])
    } catch (error) {
      await open.rollback()
      throw open.told(error)
    }
    if (open.active) await open.commit()
    // The function has ended it itself.
    else await open.rollback()
    open.throwIfCalledOff()
    return value
  }

  /** @param begun where a transaction of begin() is noted down until it has ended */
  async #open(target, options, asker, begun) {
    const bare = begun !== undefined
    const own = target.hold ? null : await this.#takeHold(options, asker)
    const { timeout, signal } = options
    const [hold, queue] = [own ?? target.hold, this.#queue]
    const endTurn = await settled(own ? queue.laneOf(own).turn(timeout) : target.turn(timeout, signal, bare))
    const open = new OpenTransaction({
      owner: this.owner,
      native: this.native,
      queue,
      hold,
      outer: target instanceof OpenTransaction ? target : undefined,
      bare,
      endTurn,
      onEnd: () => {
        begun?.delete(open)
        if (own) releaseOrWarn(own)
      }
    })
    begun?.add(open)
    await open.begin()
    if (!signal?.aborted) return open
    await open.rollback()
    throw signal.reason
  }

  #checkWritable() {
    if (this.options.native.readonly) call(() => this.native.checkWritable())
  }

  async #takeHold({ timeout, signal }, asker) {
    this.#checkWritable()
    const { longHoldMs } = this.options
    const stack = stackOf(longHoldMs, asker)
    const id = await settled(this.#queue.acquire(timeout, signal))
    return new Hold(id, longHoldMs, stack, ms => this.stats.held(ms))
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
      turn: async (timeout, signal, bare) => checked().turn(timeout, signal, bare)
    }
  }

  #committed(commits) {
    this.stats.committed(commits)
    this.#commits += commits
    if (this.#commits < COMMITS_TO_CHECKPOINT || this.#checkpointing) return
    this.#commits = 0
    // Whatever keeps it from its work is met by the commits too, which tell.
    const ended = () => (this.#checkpointing = null)
    this.#checkpointing = this.native.checkpoint(NONE, 'PASSIVE').then(ended, ended)
  }
}

const rowsOf = (batch, place) => batch.rows(place)

/** The rows of a promise. */
async function* oneByOne(read) {
  yield* await read()
}

module.exports = { Session }
