/**
 * A connection as Kysely has it: an object on the one DB, with the transaction that was begun on it and the savepoints in that.
 */
'use strict'

const { AsyncResource } = require('node:async_hooks')

/** As long as `db.migrate()` waits. */
const MIGRATION_TIMEOUT_MS = 60_000

class SqlockConnection {
  #db
  /** `{ transaction, name }` of the transaction and of its savepoints, the innermost last. */
  #open = []
  /** Settles when the savepoints have changed that are about to. */
  #changing
  /** Of `lock()`: `{ scope, giveBack }`, and what settles when the lock was given back. */
  #hold
  #held
  /** Of the last query with a signal. Kysely gives a connection one query at a time. */
  #canceller

  constructor(db) {
    this.#db = db
  }

  async executeQuery(query, options) {
    try {
      return await this.#execute(query, options)
    } catch (error) {
      // A stack has few frames; those of sqlock would leave no room for that of the caller, which is behind Kysely's.
      if (error instanceof Error) Error.captureStackTrace(error)
      throw error
    }
  }

  async *streamQuery(query, _chunkSize, options) {
    const read = { sql: query.sql, params: query.parameters, signal: options?.signal }
    try {
      for await (const row of this.#issue(target => target.iterateAsync(read))) yield { rows: [row] }
    } catch (error) {
      if (error?.code !== 'ERR_SQLOCK_SYNC_WRITE') throw error
      // What writes is no plain read, and returns its rows at once.
      yield await this.executeQuery(query, options)
    }
  }

  /** Kysely has rejected the query already; it is for the caller to say whether that goes on all the same. */
  async cancelQuery() {
    this.#canceller?.abort()
  }

  async begin() {
    this.#push(await this.#issue(db => db.begin()))
  }

  /** From the innermost outwards: one that is open when its outer one ends would be undone. */
  async commit() {
    while (this.#open.length > 0) await this.#commitLast()
  }

  async rollback() {
    const [outermost] = this.#open.splice(0)
    await outermost?.transaction.rollback()
  }

  async savepoint(name) {
    await this.#change(() => this.#save(name))
  }

  /** The savepoint stands again, empty. */
  async rollbackTo(name) {
    const [{ transaction }] = this.#open.splice(this.#find(name))
    await this.#change(async () => {
      await transaction.rollback()
      await this.#save(name)
    })
  }

  async release(name) {
    const { length } = this.#open.slice(0, this.#find(name))
    await this.#change(async () => {
      while (this.#open.length > length) await this.#commitLast()
    })
  }

  /** Takes the lock until `unlock()`; what is issued here meanwhile runs under it. */
  async lock() {
    await new Promise((taken, refused) => {
      const hold = () =>
        new Promise(giveBack => {
          this.#hold = { scope: new AsyncResource('SqlockConnection'), giveBack }
          taken()
        })
      this.#held = this.#db.withWriteLock(hold, MIGRATION_TIMEOUT_MS)
      this.#held.catch(refused)
    })
  }

  async unlock() {
    if (!this.#hold) return
    this.#hold.giveBack()
    this.#hold = undefined
    await this.#held
  }

  async #execute({ sql, parameters, take }, options) {
    while (this.#changing) await this.#changing
    if (take) {
      await take()
      return { rows: [] }
    }
    const signal = options?.signal && (this.#canceller = new AbortController()).signal
    const query = { sql, params: parameters, signal }
    const { columns, rows, changes, lastInsertRowid } = await this.#issue(target => target.execute(query))
    if (columns.length > 0) return { rows }
    return {
      rows,
      numAffectedRows: BigInt(changes),
      insertId: lastInsertRowid ? BigInt(lastInsertRowid) : undefined
    }
  }

  /** Does something with what a query belongs to. */
  #issue(work) {
    const target = this.#open.at(-1)?.transaction ?? this.#db
    return this.#hold ? this.#hold.scope.runInAsyncScope(work, null, target) : work(target)
  }

  #push(transaction, name) {
    this.#open.push({ transaction, name })
  }

  async #save(name) {
    this.#push(await this.#issue(target => target.begin()), name)
  }

  /** Queries that are issued meanwhile wait: it depends on the savepoints what they belong to. */
  async #change(work) {
    const changed = work()
    const done = () => (this.#changing = undefined)
    this.#changing = changed.then(done, done)
    await changed
  }

  async #commitLast() {
    await this.#open.at(-1).transaction.commit()
    this.#open.pop()
  }

  /** Where the newest savepoint of that name is. As in SQLite, case makes no difference. */
  #find(name) {
    const sought = name.toLowerCase()
    const found = this.#open.findLastIndex(open => open.name?.toLowerCase() === sought)
    if (found === -1) throw new Error(`no such savepoint: ${name}`)
    return found
  }
}

module.exports = { SqlockConnection }
