/**
 * A second SQLite in this process on the same file: told of, since SQLite itself cannot see it and rows get lost. See
 * src/sqlite/presence.rs for the reason and for how it is seen.
 *
 * Copies of sqlock know of each other by a map on globalThis: from the function of an addon that tells whether it has a file open
 * to where that copy is. Each thread has a map of its own.
 */
'use strict'

const { resolve } = require('node:path')
const { home } = require('./home')
const { hasOpen, meetsAnotherSqlite } = require('./native')

const COPIES = Symbol.for('sqlock.copies')

const copies = globalThis[COPIES] ?? new Map()
// Where the globals are frozen, a copy knows of itself only.
Reflect.defineProperty(globalThis, COPIES, { value: copies, configurable: true })
copies.set(hasOpen, home ?? 'in a bundle')

/** Where another copy of sqlock is that has the file open. */
function copyWith(path) {
  for (const [has, where] of copies) if (has !== hasOpen && has(path)) return where
  return undefined
}

/** To be called before a DB opens its file. */
function warnOfSecondSqlite(path) {
  const copy = copyWith(path)
  if (!meetsAnotherSqlite(path, copy !== undefined)) return
  const who = copy
    ? `another copy of sqlock (${copy})`
    : 'something else than this copy of sqlock (better-sqlite3, node:sqlite, another copy of sqlock, or a plain fs.open)'
  process.emitWarning(
    `${resolve(path)} is open in this process already, by ${who}. When either of them closes the file, the system drops the locks ` +
      'of both, two writers may be at work at once, and committed rows are lost. Use one SQLite library for each file in a ' +
      'process; in processes of their own there may be any number.',
    { code: 'SQLOCK_SECOND_SQLITE' }
  )
}

module.exports = { warnOfSecondSqlite }
