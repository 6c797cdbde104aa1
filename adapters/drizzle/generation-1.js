/**
 * Drizzle from 1.0 on: a query is given how its rows are wanted and who maps them, relations stand beside the schema.
 */
'use strict'

const { inArrays, inObjects, withCode } = require('./requests')
const { defineSession } = require('./session')

const rethrow = error => {
  throw withCode(error)
}

function definePreparedQuery({ SQLiteAsyncPreparedQuery, entityKind }) {
  return class extends SQLiteAsyncPreparedQuery {
    static [entityKind] = 'SqlockPreparedQuery'

    run(placeholders) {
      return super.run(placeholders).catch(rethrow)
    }

    all(placeholders) {
      return super.all(placeholders).catch(rethrow)
    }

    get(placeholders) {
      return super.get(placeholders).catch(rethrow)
    }

    values(placeholders) {
      return super.values(placeholders).catch(rethrow)
    }
  }
}

/** The ways in which Drizzle has a text run. */
function waysToRun(client, { sql }, mode) {
  const rows = mode === 'arrays' ? inArrays : inObjects
  return {
    run: params => client.run({ sql, params }),
    all: params => client.allAsync(rows({ sql, params })),
    get: params => client.getAsync(rows({ sql, params })),
    values: params => client.allAsync(inArrays({ sql, params }))
  }
}

function defineGeneration1(orm) {
  const { SQLiteAsyncDatabase, SQLiteAsyncSession, SQLiteAsyncTransaction, SQLiteDialect, entityKind } = orm
  const PreparedQuery = definePreparedQuery(orm)

  class SqlockTransaction extends SQLiteAsyncTransaction {
    static [entityKind] = 'SqlockTransaction'
  }

  class SqlockSession extends defineSession(SQLiteAsyncSession, SqlockTransaction, orm) {
    prepareQuery(query, mode, _isPrepared, executeMethod, mapper, metadata, cacheConfig) {
      const { cache, client, logger } = this
      const ways = waysToRun(client, query, mode)
      const rest = [query, mapper, mode, logger, cache, metadata, cacheConfig]
      return new PreparedQuery('async', executeMethod, ways, ...rest)
    }
  }

  return {
    BaseDatabase: SQLiteAsyncDatabase,
    SqlockSession,
    dialectOf: ({ jit }) => new SQLiteDialect({ useJitMappers: orm.jitCompatCheck(jit) }),
    schemaOf: ({ relations = {} }) => relations
  }
}

module.exports = { defineGeneration1 }
