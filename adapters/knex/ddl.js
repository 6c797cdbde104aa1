/**
 * Changes of a table for which Knex makes it anew: copies it, drops it, and renames the copy. Meanwhile foreign keys must not be
 * enforced, since to drop a table is to delete its rows, and those that refer to them with ON DELETE CASCADE.
 */
'use strict'

const SqliteDdl = require('knex/lib/dialects/sqlite3/schema/ddl')

/** A table with rows that would go, or change, with those of another. */
const FOLLOWERS = `SELECT t.name, k.on_delete FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS k
  WHERE t.type = 'table' AND k."table" = ? COLLATE NOCASE AND k.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') LIMIT 1`

class Ddl extends SqliteDdl {
  isForeignCheckEnabled() {
    // Without a connection it is asked for its commands only.
    return this.connection ? this.connection.isEnforcingForeignKeys() : super.isForeignCheckEnabled()
  }

  async setForeignCheck(enable) {
    this.connection.enforceForeignKeys = enable ? undefined : false
  }

  async alter(...args) {
    await this.#refuseToLoseRows()
    return super.alter(...args)
  }

  async generateAlterCommands(...args) {
    if (!this.connection) return super.generateAlterCommands(...args)
    await this.#refuseToLoseRows()
    const commands = await super.generateAlterCommands(...args)
    if (commands.pre.length > 0) await this.setForeignCheck(false)
    return { ...commands, pre: [], post: [] }
  }

  /** In a transaction it is too late to stop enforcing them. */
  async #refuseToLoseRows() {
    const { connection } = this
    if (!connection.isInTransaction || !(await connection.isEnforcingForeignKeys())) return
    const { rows } = await connection.execute({ sql: FOLLOWERS, params: [this.tableName()] })
    if (rows.length === 0) return
    const [{ name, on_delete: action }] = rows
    throw new Error(
      `${this.tableName()} cannot be made anew in a transaction: the rows of ${name} would follow it (ON DELETE ${action}). ` +
        'Alter it outside of one; in a migration by config = { transaction: false }'
    )
  }
}

module.exports = { Ddl }
