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
/** A statement that is nothing but this pragma. */
const FOREIGN_KEYS = /^\s*PRAGMA\s+foreign_keys\s*=\s*\w+\s*;?\s*$/i

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
        const run = list => db.transaction(tx => apply(tx, list, config))
        if (!(await missing()).some(turnsForeignKeysOff)) return run(migrations)
        return enforcing(client, false, () => run(migrations.map(withoutForeignKeyPragmas)))
      },
      { timeout }
    )
  }
}

/** The file that drizzle-kit makes for statements of one's own has a comment in it, which is no statement. */
function withoutEmptyStatements(migration) {
  return { ...migration, sql: migration.sql.filter(statement => !SPACE_AND_COMMENTS.test(statement)) }
}

/** In a transaction a pragma that would turn them on again is refused. */
function withoutForeignKeyPragmas(migration) {
  return { ...migration, sql: migration.sql.filter(statement => !FOREIGN_KEYS.test(statement)) }
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

/** In a transaction that is refused, so they are turned off before it. */
const turnsForeignKeysOff = ({ sql }) => sql.some(statement => FOREIGN_KEYS_OFF.test(statement))

module.exports = { defineMigrate }
