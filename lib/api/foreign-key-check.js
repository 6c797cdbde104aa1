/**
 * What a migration that runs without foreign keys has broken. Rows that referred to nothing before it are none of its own.
 */
'use strict'

const { SqliteError } = require('../base/errors')

/** As bytes, since the name of a table need not be UTF-8. */
const TABLES = `SELECT DISTINCT t.name, CAST(t.name AS BLOB) AS bytes FROM main.sqlite_schema AS t, pragma_foreign_key_list(t.name, 'main')
  WHERE t.type = 'table' ORDER BY t.name`
/** A foreign key is known by its columns: its number changes when a table is made again with one more. */
const VIOLATIONS = `WITH t (name) AS (SELECT CAST(:bytes AS TEXT))
  SELECT v.parent, count(*) AS rows,
    (SELECT group_concat(k."from") FROM pragma_foreign_key_list(t.name, 'main') AS k WHERE k.id = v.fkid) AS columns
  FROM t, pragma_foreign_key_check(t.name, 'main') AS v GROUP BY v.parent, v.fkid`

const SQLITE_CONSTRAINT_FOREIGNKEY = 787

/** Of each table, parent and foreign key that is violated: how many rows violate it. */
async function foreignKeyViolations(tx) {
  const violations = new Map()
  for (const { name: table, bytes } of await tx.allAsync(TABLES)) {
    for (const { parent, columns, rows } of await violationsOf(tx, bytes)) {
      const key = JSON.stringify([table, parent, columns]).toLowerCase()
      const before = violations.get(key)?.rows ?? 0
      violations.set(key, { table, parent, rows: before + Number(rows) })
    }
  }
  return violations
}

async function violationsOf(tx, bytes) {
  try {
    return await tx.allAsync(VIOLATIONS, { bytes })
  } catch (error) {
    if (error.code !== 'SQLITE_ERROR') throw error
    // A parent without a key that is unique. SQLite cannot check the table, and refuses to write to it.
    return [{ parent: '', columns: error.message, rows: 1 }]
  }
}

/** Throws when a foreign key has more violations than `before`. */
async function throwIfViolated(tx, before) {
  for (const [key, { table, parent, rows }] of await foreignKeyViolations(tx)) {
    const more = rows - (before.get(key)?.rows ?? 0)
    if (more <= 0) continue
    throw new SqliteError({
      message: parent
        ? `${more} more rows of ${table} refer to no row of ${parent} than before the migration`
        : `a foreign key of ${table} refers to columns that are not unique`,
      code: 'SQLITE_CONSTRAINT_FOREIGNKEY',
      errcode: SQLITE_CONSTRAINT_FOREIGNKEY,
      errstr: 'constraint failed',
      offset: -1
    })
  }
}

module.exports = { foreignKeyViolations, throwIfViolated }
