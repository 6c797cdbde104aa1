/**
 * Transactions of Knex as transactions of sqlock.
 *
 * Knex begins and ends one by statements, which sqlock refuses. They are told in its events as ever, but what is run in their
 * place is `begin()`, `commit()` and `rollback()`. Only those of a Transaction: BEGIN as a raw query remains refused.
 */
'use strict'

const SqliteTransaction = require('knex/lib/dialects/sqlite3/execution/sqlite-transaction')

const STEPS = {
  BEGIN: 'begin',
  COMMIT: 'commit',
  ROLLBACK: 'rollback',
  SAVEPOINT: 'savepoint',
  'RELEASE SAVEPOINT': 'release',
  'ROLLBACK TO SAVEPOINT': 'rollbackTo'
}

/** A query of Knex that begins or ends a transaction. */
class Control {
  /** What has gone wrong, when something has. */
  error

  constructor(sql) {
    this.sql = sql
  }

  async apply(connection) {
    const [, words, name] = /^([A-Z ]+?)(?: (trx\d+))?;?$/.exec(this.sql)
    try {
      await connection[STEPS[words]](name)
    } catch (error) {
      this.error = error
      throw error
    }
    return this
  }

  toString() {
    return this.sql
  }
}

class SqlockTransaction extends SqliteTransaction {
  async query(connection, sql, status, value) {
    const control = new Control(sql)
    const result = await super.query(connection, control, status, value)
    // Otherwise Knex would go on to call the function of a transaction that has not begun.
    if (status === undefined && control.error) throw control.error
    return result
  }

  async _setForeignCheck(connection, enforce) {
    // Null is what Knex has for one that is left as it is.
    if (enforce === undefined || enforce === null) return null
    const before = await connection.isEnforcingForeignKeys()
    if (before === enforce) return null
    connection.enforceForeignKeys = enforce
    return before
  }

  /** It was for one transaction only. */
  async _restoreForeignCheck() {}
}

module.exports = { Control, SqlockTransaction }
