/**
 * What a session does in both generations of Drizzle. Each transaction has a session of its own, whose client is the transaction
 * of sqlock: one session for all would mix what several transactions do at once.
 */
'use strict'

const { defineCache } = require('./cache')

function defineSession(BaseSession, Transaction, orm) {
  const { NoopCache, NoopLogger, entityKind, fillPlaceholders } = orm
  const CommittedCache = defineCache(orm)

  return class extends BaseSession {
    static [entityKind] = 'SqlockSession'

    /** @param client a DB, or a Transaction */
    constructor(client, dialect, schema, options) {
      super(dialect, 'async')
      this.client = client
      this.schema = schema
      this.options = options
      this.logger = options.logger ?? new NoopLogger()
      this.cache = options.cache ? new CommittedCache(options.cache, client) : new NoopCache()
    }

    /** Whatever its `behavior` is: under the lock BEGIN IMMEDIATE waits for nobody. In a transaction it is a savepoint. */
    transaction(fn, { timeout, signal } = {}) {
      const { client, dialect, schema } = this
      const run = tx => {
        const session = new this.constructor(tx, dialect, schema, this.options)
        return fn(new Transaction('async', dialect, session, schema))
      }
      return 'savepoint' in client ? client.savepoint(run) : client.transaction(run, { timeout, signal })
    }

    /** One batch of sqlock, which shares its commit with others; a transaction when rows are asked for, or a cache is told. */
    async batch(queries) {
      const prepared = queries.map(query => query._prepare())
      if (prepared.every(returnsNoRows) && !this.options.cache)
        return this.client.batch(prepared.map(query => this.#item(query)))
      // The queries were made for the DB: what is issued in its scope belongs to the transaction.
      return this.client.transaction(async () => {
        const results = []
        for (const query of prepared) results.push(await query.execute())
        return results
      })
    }

    #item(query) {
      const { sql, params: template } = query.getQuery()
      const params = fillPlaceholders(template, {})
      this.logger.logQuery(sql, params)
      return { sql, params }
    }
  }
}

/** Of Drizzle 0, what `sql` asks for is prepared as itself. */
const returnsNoRows = query => (query.executeMethod ?? query.config.action) === 'run'

module.exports = { defineSession }
