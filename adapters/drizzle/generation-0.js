/**
 * Drizzle before 1.0: a query maps its rows itself, relations are part of the schema.
 *
 * What the query builders select comes as arrays, since a join has columns of the same name, and is mapped; what `sql` asks for
 * comes as objects.
 */
'use strict'

const { inArrays, inObjects, withCode } = require('./requests')
const { defineSession } = require('./session')

function definePreparedQuery({ SQLitePreparedQuery, entityKind, fillPlaceholders, mapResultRow }) {
  return class extends SQLitePreparedQuery {
    static [entityKind] = 'SqlockPreparedQuery'
    #session
    #fields
    #isArrayMode
    #mapRows

    constructor(session, query, fields, executeMethod, isArrayMode, mapRows, metadata, cacheConfig) {
      super('async', executeMethod, query, session.cache, metadata, cacheConfig)
      this.#session = session
      this.#fields = fields
      this.#isArrayMode = isArrayMode
      this.#mapRows = mapRows
    }

    run(placeholders) {
      return this.#ask(placeholders, (client, query) => client.run(query))
    }

    async all(placeholders) {
      if (this.#isMapped) return this.#map(await this.values(placeholders))
      return this.#ask(placeholders, (client, query) => client.allAsync(inObjects(query)))
    }

    async get(placeholders) {
      if (!this.#isMapped)
        return this.#ask(placeholders, (client, query) => client.getAsync(inObjects(query)))
      // The cache knows a query by its text, and keeps what all() needs: all rows.
      const rows = this.cacheConfig ? await this.values(placeholders) : await this.#first(placeholders)
      if (rows.length === 0) return undefined
      return this.#mapRows ? this.#mapRows(rows) : this.#map(rows)[0]
    }

    values(placeholders) {
      return this.#ask(placeholders, (client, query) => client.allAsync(inArrays(query)))
    }

    /** Asked by Drizzle. */
    isResponseInArrayMode() {
      return this.#isArrayMode
    }

    get #isMapped() {
      return Boolean(this.#fields ?? this.#mapRows)
    }

    #map(rows) {
      if (this.#mapRows) return this.#mapRows(rows)
      return rows.map(row => mapResultRow(this.#fields, row, this.joinsNotNullableMap))
    }

    #first(placeholders) {
      return this.#ask(placeholders, async (client, query) => {
        const row = await client.getAsync(inArrays(query))
        return row ? [row] : []
      })
    }

    async #ask(placeholders, work) {
      const { client, logger } = this.#session
      const { sql, params: template } = this.query
      const params = fillPlaceholders(template, placeholders ?? {})
      logger.logQuery(sql, params)
      try {
        return await this.queryWithCache(sql, params, () => work(client, { sql, params }))
      } catch (error) {
        throw withCode(error)
      }
    }
  }
}

function defineGeneration0(orm) {
  const { BaseSQLiteDatabase, SQLiteAsyncDialect, SQLiteSession, SQLiteTransaction, entityKind } = orm
  const PreparedQuery = definePreparedQuery(orm)

  class SqlockTransaction extends SQLiteTransaction {
    static [entityKind] = 'SqlockTransaction'
  }

  class SqlockSession extends defineSession(SQLiteSession, SqlockTransaction, orm) {
    prepareQuery(...query) {
      return new PreparedQuery(this, ...query)
    }
  }

  /** The schema as Drizzle's relational queries want it. */
  function schemaOf({ schema: fullSchema }) {
    if (!fullSchema) return undefined
    const { extractTablesRelationalConfig, createTableRelationsHelpers } = orm
    const { tables, tableNamesMap } = extractTablesRelationalConfig(fullSchema, createTableRelationsHelpers)
    return { fullSchema, schema: tables, tableNamesMap }
  }

  return {
    BaseDatabase: BaseSQLiteDatabase,
    SqlockSession,
    dialectOf: ({ casing }) => new SQLiteAsyncDialect({ casing }),
    schemaOf
  }
}

module.exports = { defineGeneration0 }
