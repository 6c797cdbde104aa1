/**
 * The dialect: Kysely's own for SQLite, with another driver and what that is able to do besides.
 */
'use strict'

const { SqlockDriver } = require('./driver')

/** @param kysely the module, in the form in which the caller has it */
function dialect(kysely) {
  class SqlockAdapter extends kysely.SqliteAdapter {
    /** Whoever reads does not wait for a transaction, so connections need not wait for each other. */
    get supportsMultipleConnections() {
      return true
    }

    get supportsTransactionalDdl() {
      return true
    }

    /** A transaction has the lock already. */
    async acquireMigrationLock(db) {
      if (!db.isTransaction) await db.getExecutor().provideConnection(connection => connection.lock())
    }

    async releaseMigrationLock(db) {
      if (!db.isTransaction) await db.getExecutor().provideConnection(connection => connection.unlock())
    }
  }

  class SqlockDialect extends kysely.SqliteDialect {
    #config

    constructor(config) {
      super(config)
      this.#config = { ...config }
    }

    createDriver() {
      return new SqlockDriver(kysely, this.#config)
    }

    createAdapter() {
      return new SqlockAdapter()
    }
  }

  return { SqlockDialect }
}

module.exports = dialect
