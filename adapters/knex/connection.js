/**
 * What Knex takes for a connection: the DB of the client, and the transaction that was begun on it.
 *
 * As with a connection of SQLite, whatever is run on it belongs to the innermost savepoint that is open, whichever handle of
 * Knex it comes from.
 */
'use strict'

const { enforcing, isEnforced } = require('../foreign-keys')

let connections = 0

class Connection {
  /** By this its queries are told apart in the events of Knex. */
  __knexUid = `__knexUid${++connections}`
  /** Whether the next transaction of it enforces foreign keys, if not as the DB does. */
  enforceForeignKeys = undefined
  #db
  /** The transaction and the savepoints in it, the innermost last: `{ name, tx, over }`. */
  #levels = []
  #controller = new AbortController()

  constructor(db) {
    this.#db = db
  }

  get isInTransaction() {
    return this.#levels.length > 0
  }

  run(statement) {
    return this.#target.run(statement)
  }

  execute(statement) {
    return this.#target.execute(statement)
  }

  async *iterate(statement) {
    const target = this.#target
    if (this.isInTransaction || target.prepare(statement.sql).readonly) yield* target.iterateAsync(statement)
    else yield* (await target.execute(statement)).rows
  }

  /** What `cancel()` aborts. */
  get signal() {
    return this.#controller.signal
  }

  /** Interrupts what runs on it and was given its signal. */
  cancel() {
    this.#controller.abort()
    this.#controller = new AbortController()
  }

  /** Are foreign keys enforced where the next statement runs? */
  isEnforcingForeignKeys() {
    return isEnforced(this.#target)
  }

  async begin() {
    const enforce = this.enforceForeignKeys
    this.enforceForeignKeys = undefined
    this.#levels.push(
      enforce === undefined ? { tx: await this.#db.begin() } : await beginEnforcing(this.#db, enforce)
    )
  }

  async savepoint(name) {
    this.#levels.push({ name, tx: await this.#target.begin() })
  }

  commit() {
    return this.#end(0, 'commit')
  }

  rollback() {
    return this.#end(0, 'rollback')
  }

  /** Commits a savepoint, and those within it. */
  async release(name) {
    return this.#end(this.#depthOf(name), 'commit')
  }

  /** Undoes a savepoint, and those within it. */
  async rollbackTo(name) {
    return this.#end(this.#depthOf(name), 'rollback')
  }

  get #target() {
    return this.#levels.at(-1)?.tx ?? this.#db
  }

  #depthOf(name) {
    const depth = this.#levels.findIndex(level => level.name === name)
    if (depth < 0) throw new Error(`no such savepoint: ${name}`)
    return depth
  }

  async #end(depth, how) {
    const ended = this.#levels.splice(depth).toReversed()
    try {
      for (const { tx } of ended) await tx[how]()
    } finally {
      for (const { tx, over } of ended) {
        // One within it could not be committed: nothing happens to those that could.
        await tx.rollback()
        await over?.()
      }
    }
  }
}

/** Begins a transaction. Resolves to `{ tx, over }`: `over()` has to be called when it has ended. */
function beginEnforcing(db, enforce) {
  return new Promise((resolve, reject) => {
    const transact = async () => {
      const tx = await db.begin()
      await new Promise(end => {
        const over = () => (end(), hold)
        resolve({ tx, over })
      })
    }
    const hold = db.withWriteLock(() => enforcing(db, enforce, transact))
    hold.catch(reject)
  })
}

module.exports = { Connection }
