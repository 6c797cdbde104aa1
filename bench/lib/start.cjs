/**
 * A program that starts: loads a library, opens a database, says so. `node start.cjs <what it requires, or -> <path> [read]`
 *
 * Plain CommonJS without anything else, so that what takes time is the library.
 */
'use strict'

const { writeSync } = require('node:fs')

const [library, path, read] = process.argv.slice(2)

function open() {
  const loaded = require(library)
  const Database = loaded.DB ?? loaded.DatabaseSync ?? loaded
  return new Database(path)
}

const db = library === '-' ? null : open()
if (read && db) {
  const { value } = db.prepare('SELECT value FROM records WHERE id = ?').get(1)
  if (value !== 42) throw new Error(`read ${value}`)
}
writeSync(1, 'started')
db?.close()
