/**
 * Warns of a database that has several names. Programs that use different names do not exclude each other: each write resolves, and
 * half of them are lost.
 *
 * SQLite follows a symbolic link, and keeps its -wal and -shm beside the real file, but the lock is that of the directory in the given
 * path. SQLite does not see hard links: each name has a -wal of its own.
 */
'use strict'

const { lstatSync, realpathSync, statSync } = require('node:fs')
const { dirname, resolve } = require('node:path')

/** The warnings that were given in this thread. */
const told = new Set()

/** To be called when a DB has opened its file. */
function warnOfLinks(path, readonly) {
  const file = resolve(path)
  try {
    warnOfHardLinks(file)
    // A DB that only reads takes no lock.
    if (!readonly) warnOfSymbolicLink(file)
  } catch {
    // The file was deleted meanwhile: the next call of the DB reports it.
  }
}

function warnOfHardLinks(file) {
  const { nlink } = statSync(file)
  if (nlink < 2) return
  warn({
    code: 'SQLOCK_HARD_LINK',
    file,
    message:
      `${file} has ${nlink} names (hard links). SQLite keeps a -wal for each name: programs that open the database by different names ` +
      'do not see what the others write, and lose committed rows. Keep one name, and delete the others or make copies of them: ' +
      'find DIR -samefile FILE lists them.'
  })
}

function warnOfSymbolicLink(file) {
  if (!lstatSync(file).isSymbolicLink()) return
  const real = realpathSync(file)
  if (dirname(real) === realpathSync(dirname(file))) return
  warn({
    code: 'SQLOCK_SYMBOLIC_LINK',
    file,
    message:
      `${file} is a symbolic link into another directory. Its lock is ${dirname(file)}/db.lock, that of ${real} is ` +
      `${dirname(real)}/db.lock, and the two do not exclude each other. Let every program open the same path: ${real}`
  })
}

function warn({ code, file, message }) {
  const key = `${code} ${file}`
  if (told.has(key)) return
  told.add(key)
  process.emitWarning(message, { code })
}

module.exports = { warnOfLinks }
