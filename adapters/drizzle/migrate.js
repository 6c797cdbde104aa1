/**
 * Drizzle's migrations, as its own migrator applies them: its files, its table, all that is missing in one transaction. Here the
 * history is read under the lock, so that each is applied once over all processes.
 */
'use strict'

const { enforcing } = require('../foreign-keys')

const HISTORY = '__drizzle_migrations'
/** As long as db.migrate() of sqlock waits for the lock, ms: others may be migrating. */
const TIMEOUT_MS = 60_000

/** Each place of a text is met in one way only: dashes for decoration would else be tried in all ways to take them. */
const SPACE_AND_COMMENTS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*$/
const FOREIGN_KEYS_OFF = /^\s*PRAGMA\s+foreign_keys\s*=\s*(?:OFF|0|FALSE|NO)\b/im

function defineMigrate({ readMigrationFiles, migrateAsync }) {
  /** In a transaction: what Drizzle itself does, to the end of the list. */
  function apply(tx, migrations, config) {
    if (migrateAsync) return migrateAsync(migrations, tx, config)
    return tx.dialect.migrate(migrations, tx.session, config)
  }

  return async function migrate(db, config) {
    const { init, migrationsTable = HISTORY, timeout = TIMEOUT_MS } = config
    const client = db.$client
    const migrations = readMigrationFiles(config).map(withoutEmptyStatements)
    const missing = () => notApplied(client, migrationsTable, migrations)
    if (!init && (await missing()).length === 0) return undefined
    return client.withWriteLock(
      async () => {
        const run = () => db.transaction(tx => apply(tx, migrations, config))
        return (await missing()).some(turnsForeignKeysOff) ? enforcing(client, false, run) : run()
      },
      { timeout }
    )
  }
}

/** The file that drizzle-kit makes for statements of one's own has a comment in it, which is no statement. */
function withoutEmptyStatements(migration) {
  return { ...migration, sql: migration.sql.filter(statement => !SPACE_AND_COMMENTS.test(statement)) }
}

/** By Drizzle's own rules: since 1.0 it goes by the names, before by the time of the newest. */
async function notApplied(client, table, migrations) {
  const isThere = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE"
  if (!(await client.getAsync(isThere, table))) return migrations
  const history = await client.allAsync(`SELECT * FROM "${table.replaceAll('"', '""')}"`)
  const names = new Set(history.map(({ name }) => name))
  const newest = Math.max(...history.map(({ created_at: createdAt }) => Number(createdAt)))
  return migrations.filter(({ name, folderMillis }) => (name ? !names.has(name) : newest < folderMillis))
}

/** In a transaction SQLite passes over that, so they are turned off before it. */
const turnsForeignKeysOff = ({ sql }) => sql.some(statement => FOREIGN_KEYS_OFF.test(statement))

module.exports = { defineMigrate }
