/**
 * Migrations by one process at a time: each method of Knex's migrator is one hold of the lock, from its look at the history to
 * its end.
 *
 * By itself Knex makes its tables in several steps, in which processes that start together get in each other's way, and keeps
 * out others by a row that a crash leaves behind. It gives clients no say in its migrator, so its methods are replaced; for
 * other clients they do what they did.
 */
'use strict'

const { Migrator } = require('knex/lib/migrations/migrate/Migrator')

/** As long as db.migrate() waits for those of others. */
const TIMEOUT_MS = 60_000

const METHODS = [
  'latest',
  'up',
  'to',
  'before',
  'down',
  'rollback',
  'list',
  'currentVersion',
  'forceFreeMigrationsLock'
]

function migrateUnderLock(Client) {
  const replace = (name, replacement) => {
    const original = Migrator.prototype[name]
    // Knex 3.3 has more of them than those before.
    if (!original) return
    Migrator.prototype[name] = function (...args) {
      const { client } = this.knex
      const run = () => original.apply(this, args)
      return client instanceof Client ? replacement.call(this, run, ...args) : run()
    }
  }
  for (const name of METHODS) replace(name, underLock)
  replace('_lockMigrations', lockRow)
}

async function underLock(run) {
  const { client } = this.knex
  // It has the lock already; or was destroyed, which Knex tells of.
  if (client.transacting || !client.pool) return run()
  const db = await client.pool.db()
  let isRunning = false
  const begin = () => {
    isRunning = true
    return run()
  }
  try {
    return await db.withWriteLock(begin, { timeout: TIMEOUT_MS })
  } catch (error) {
    // One that only reads asks for its version, which takes no lock.
    if (isRunning || error.code !== 'SQLITE_READONLY') throw error
    return run()
  }
}

/** Who has the lock is alone: a row that says otherwise was left by one who was killed. */
function lockRow(_run, trx) {
  return trx(`${this.config.tableName}_lock`).update({ is_locked: 1 })
}

module.exports = { migrateUnderLock }
