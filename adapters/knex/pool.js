/**
 * What Knex takes for a pool of connections. There is one DB, which takes any number of calls at once; a connection is no more
 * than the transaction that is open on it, so each that is asked for is a new one, and nobody waits for one.
 */
'use strict'

const { DB, SqlockError } = require('../../index.js')
const { Connection } = require('./connection')

class Pool {
  #open
  #db = null
  #used = new Set()
  /** Called when no connection is in use any more, once it is to be destroyed. */
  #drained = null

  /** @param open opens the DB, for the first connection */
  constructor(open) {
    this.#open = open
  }

  get destroyed() {
    return this.#drained !== null
  }

  /** The DB. One that could not be opened is tried again. */
  async db() {
    this.#db ??= this.#open()
    try {
      return await this.#db
    } catch (error) {
      this.#db = null
      throw error
    }
  }

  acquire() {
    return { promise: this.#acquire() }
  }

  /** False when it was given back already: Knex does so twice after a stream. */
  release(connection) {
    const wasUsed = this.#used.delete(connection)
    if (this.#used.size === 0) this.#drained?.()
    return wasUsed
  }

  /** Closes the DB when all that is under way has ended, as Knex's own pool does. */
  async destroy() {
    await new Promise(resolve => {
      this.#drained = resolve
      if (this.#used.size === 0) resolve()
    })
    if (this.#db) await (await this.#db).close()
  }

  numUsed() {
    return this.#used.size
  }

  numFree() {
    return 0
  }

  numPendingAcquires() {
    return 0
  }

  async #acquire() {
    if (this.destroyed) throw new SqlockError('ERR_SQLOCK_CLOSED', 'the client is being destroyed')
    // Its place is taken from now on: a query that comes before destroy() is waited for.
    const place = {}
    this.#used.add(place)
    try {
      const connection = new Connection(await this.db())
      this.#used.add(connection)
      return connection
    } finally {
      this.release(place)
    }
  }
}

class BorrowedPool extends Pool {
  /** Its DB is its owner's to close. */
  async destroy() {}
}

/** A pool on a DB that is open already. */
function poolOf(db) {
  if (!(db instanceof DB)) throw new TypeError('db must be a DB')
  return new BorrowedPool(async () => db)
}

module.exports = { Pool, poolOf }
