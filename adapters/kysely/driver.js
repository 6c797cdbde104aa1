/**
 * What Kysely asks of a driver. The steps of a transaction go through its queries, so that its log tells of them.
 */
'use strict'

const { DB } = require('../../index.js')
const { SqlockConnection } = require('./connection')

class SqlockDriver {
  #kysely
  #config
  #db

  constructor(kysely, config) {
    this.#kysely = kysely
    this.#config = config
  }

  async init(options) {
    const { database, onCreateConnection } = this.#config
    this.#db = typeof database === 'function' ? await database(options) : database
    if (!(this.#db instanceof DB))
      throw new TypeError(
        'the database of SqlockDialect must be a DB of sqlock, or a function that gives one'
      )
    await onCreateConnection?.(new SqlockConnection(this.#db), options)
  }

  async acquireConnection() {
    return new SqlockConnection(this.#db)
  }

  async releaseConnection() {
    // It is nothing but an object.
  }

  async beginTransaction(connection) {
    await connection.executeQuery(this.#step('begin', () => connection.begin()))
  }

  async commitTransaction(connection) {
    await connection.executeQuery(this.#step('commit', () => connection.commit()))
  }

  async rollbackTransaction(connection) {
    await connection.executeQuery(this.#step('rollback', () => connection.rollback()))
  }

  async savepoint(connection, name) {
    await connection.executeQuery(this.#step('savepoint', () => connection.savepoint(name), name))
  }

  async rollbackToSavepoint(connection, name) {
    await connection.executeQuery(this.#step('rollback to', () => connection.rollbackTo(name), name))
  }

  async releaseSavepoint(connection, name) {
    await connection.executeQuery(this.#step('release', () => connection.release(name), name))
  }

  async destroy() {
    await this.#db?.close()
  }

  /** A query whose text is for the log: `take` does what it says. */
  #step(command, take, name) {
    const sql = name === undefined ? command : `${command} "${name.replaceAll('"', '""')}"`
    return { ...this.#kysely.CompiledQuery.raw(sql), take }
  }
}

module.exports = { SqlockDriver }
