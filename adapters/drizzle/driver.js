/**
 * `drizzle()`, made of the classes of one copy of Drizzle: that of the module form it was asked for in.
 */
'use strict'

const { DB } = require('../../index.js')
const { defineGeneration0 } = require('./generation-0')
const { defineGeneration1 } = require('./generation-1')

function defineDriver(orm) {
  const define = 'SQLiteAsyncDialect' in orm ? defineGeneration0 : defineGeneration1
  const { BaseDatabase, SqlockSession, dialectOf, schemaOf } = define(orm)

  class SqlockDatabase extends BaseDatabase {
    static [orm.entityKind] = 'SqlockDatabase'

    batch(queries) {
      return this.session.batch(queries)
    }
  }

  function construct(client, config = {}) {
    const { cache } = config
    const dialect = dialectOf(config)
    const schema = schemaOf(config)
    const session = new SqlockSession(client, dialect, schema, { cache, logger: loggerOf(config) })
    const db = new SqlockDatabase('async', dialect, session, schema)
    db.$client = client
    if (cache) db.$cache = Object.assign(cache, { invalidate: cache.onMutate })
    return db
  }

  function loggerOf({ logger }) {
    return logger === true ? new orm.DefaultLogger() : logger || undefined
  }

  function drizzle(first, config) {
    if (first instanceof DB) return construct(first, config)
    if (isPath(first)) return construct(new DB(first), config)
    const { client, connection, ...rest } = first ?? {}
    return construct(client ?? open(connection), rest)
  }
  drizzle.mock = config => construct({}, config)

  return drizzle
}

const isPath = value => typeof value === 'string' || value instanceof URL

function open(connection) {
  if (isPath(connection)) return new DB(connection)
  const { source, ...options } = connection ?? {}
  return new DB(source, options)
}

module.exports = { defineDriver }
