/**
 * Migrations: what is missing in the history of the file is applied, each in a transaction of its own together with its entry
 * there. The history is read again under the lock, so that each is applied once over all processes.
 */
'use strict'

const { throwIfAborted } = require('../base/abort')
const { LockTimeout, SqlockError, argumentValueError } = require('../base/errors')
const { kindOf } = require('../base/kind')
const { foreignKeyViolations, throwIfViolated } = require('./foreign-key-check')
const { checkBoolean, checkEach, checkOptions, checkString } = require('./options')

/** `[{ id, up }]`, each once. */
function checkMigrations(migrations) {
  const seen = new Set()
  return checkEach('migrations', migrations, (migration, n) => {
    const names = ['id', 'up', 'foreignKeys']
    const { id, up, foreignKeys = true } = checkOptions(`migrations[${n}]`, migration ?? null, names)
    checkString(`migrations[${n}].id`, id)
    if (id === '' || id.includes('\0')) {
      throw argumentValueError(`migrations[${n}].id must not be empty, nor have a NUL in it`)
    }
    if (seen.has(id))
      throw argumentValueError(`migrations[${n}].id must be unique: another one before it has it`)
    seen.add(id)
    if (typeof up !== 'function') checkString(`migrations[${n}].up`, up)
    checkBoolean(`migrations[${n}].foreignKeys`, foreignKeys)
    return { id, up, foreignKeys }
  })
}

/** @param transact runs a function in a transaction, with foreign keys or without */
async function migrate(db, transact, list, { timeout, signal, table }) {
  const migrations = checkMigrations(list)
  const history = new History(table)
  if (missing(migrations, history.read(db), table).length === 0) return { applied: [] }
  const applied = []
  await db.withWriteLock(
    async () => {
      for (const migration of missing(migrations, history.read(db), table)) {
        throwIfAborted(signal)
        await apply(db, transact, migration, history, signal)
        applied.push(migration.id)
      }
    },
    { timeout, signal }
  )
  return { applied }
}

/** The table that tells what was applied, in its order. */
class History {
  #name

  constructor(table) {
    this.#name = `"${table.replaceAll('"', '""')}"`
    this.table = table
  }

  /** The ids of what was applied. */
  read(db) {
    const there = db.get(
      "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE",
      this.table
    )
    return there ? db.all(`SELECT id FROM ${this.#name} ORDER BY seq`).map(row => row.id) : []
  }

  async add(tx, id) {
    await tx.exec(
      `CREATE TABLE IF NOT EXISTS ${this.#name} (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, applied_at TEXT NOT NULL)`
    )
    await tx.run(`INSERT INTO ${this.#name} (id, applied_at) VALUES (?, ?)`, id, new Date().toISOString())
  }
}

async function apply(db, transact, { id, up, foreignKeys }, history, signal) {
  const isChecked = !foreignKeys && Number(db.pragma('foreign_keys', { simple: true })) === 1
  const run = async tx => {
    const before = isChecked && (await foreignKeyViolations(tx))
    await (typeof up === 'string' ? tx.exec(up) : up(tx))
    await history.add(tx, id)
    if (before) await throwIfViolated(tx, before)
  }
  try {
    await transact(run, { signal }, foreignKeys)
  } catch (cause) {
    if (cause instanceof LockTimeout || (signal?.aborted && cause === signal.reason)) throw cause
    const why = cause instanceof Error ? cause.message : `it threw ${kindOf(cause)}`
    throw new SqlockError('ERR_SQLOCK_MIGRATION', `migration '${id}' failed: ${why}`, { cause })
  }
}

/** What the history lacks. It has to be the beginning of the list. */
function missing(migrations, applied, table) {
  applied.forEach((id, n) => {
    if (migrations[n]?.id === id) return
    const given = migrations[n] ? `'${migrations[n].id}' is given there` : 'it is not given'
    throw new SqlockError(
      'ERR_SQLOCK_MIGRATION',
      `migration ${n + 1} in the history '${table}' is '${id}', but ${given}`
    )
  })
  return migrations.slice(applied.length)
}

module.exports = { migrate }
