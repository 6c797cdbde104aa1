/**
 * A client for Knex: its own dialect for SQLite, in which the driver, the pool and the transactions are sqlock's.
 *
 * Knex makes clients of its own of one, for transactions and clones, by its prototype and without its constructor. So a client
 * has no private fields; what its queries need is in their connection.
 */
'use strict'

const { finished, pipeline } = require('node:stream/promises')
const BetterSqlite3Client = require('knex/lib/dialects/better-sqlite3')
const sqlock = require('../../index.js')
const { Ddl } = require('./ddl')
const { Pool } = require('./pool')
const { Control, SqlockTransaction } = require('./transaction')

class SqlockClient extends BetterSqlite3Client {
  constructor(config) {
    super(config)
    // Before 3.3 Knex knows of no pool that it is given.
    if (config.connectionPool && !this.pool) this.initializePool(config)
  }

  _driver() {
    return sqlock
  }

  initializePool(config = this.config) {
    if (this.pool) super.initializePool(config)
    else this.pool = config.connectionPool ?? poolFor(this, config)
  }

  transaction(...args) {
    return new SqlockTransaction(this, ...args)
  }

  /** For the client that Knex gives its own one. */
  ddl(...args) {
    return new Ddl(super.ddl(...args).client, ...args)
  }

  async _query(connection, query) {
    if (!query.sql) throw new Error('The query is empty')
    if (query instanceof Control) return query.apply(connection)
    const statement = statementOf(this, connection, query)
    const { rows, changes, lastInsertRowid } = await (isWrite(query)
      ? connection.run(statement)
      : connection.execute(statement))
    query.context = { changes, lastID: lastInsertRowid }
    // Nobody says of what kind a raw one is: it gets all that there is to tell.
    query.response = query.method === 'raw' ? Object.assign(rows, { changes, lastInsertRowid }) : rows
    return query
  }

  /** Ends when all rows have been taken, or the stream was destroyed. */
  async _stream(connection, query, stream) {
    if (!query.sql) throw new Error('The query is empty')
    const rows = connection.iterate(statementOf(this, connection, query))
    await Promise.all([pipeline(rows, stream), finished(stream)])
  }

  async cancelQuery(connection) {
    connection.cancel()
  }
}

/** Opens the DB that `connection` tells of. */
function poolFor(client, { pool }) {
  if (pool?.afterCreate) {
    throw new TypeError('pool.afterCreate is not for sqlock: its `connection` takes the options of a DB')
  }
  return new Pool(async () => {
    const { filename, ...options } = (await client.connectionConfigProvider?.()) ?? client.connectionSettings
    return new sqlock.DB(filename, options)
  })
}

/** What sqlock is given. A write with a signal shares no commit, so only that has one which may be cancelled. */
function statementOf(client, connection, { sql, bindings, cancelOnTimeout }) {
  const signal = cancelOnTimeout ? connection.signal : undefined
  // With useNullAsDefault Knex leaves it to the driver to make NULL of what a row lacks.
  const params = client._formatBindings(bindings).map(value => (value === undefined ? null : value))
  return { sql, params, signal }
}

/** Is it known to return no rows? */
function isWrite({ method, returning }) {
  return (
    method === 'del' || method === 'counter' || ((method === 'insert' || method === 'update') && !returning)
  )
}

Object.assign(SqlockClient.prototype, { canCancelQuery: true })

module.exports = { SqlockClient }
