/** SQLite's own check of the file, https://www.sqlite.org/pragma.html#pragma_quick_check, as a reader. */
'use strict'

const { DB, SqliteError } = require('../../index')
const { error, ok } = require('./finding')

const ADVICE =
  'keep a copy of the file, -wal and -shm as they are, then restore a backup, or: sqlite3 FILE .recover'

async function quickCheckFindings({ file }) {
  const db = new DB(file, { readonly: true })
  try {
    const rows = db.pragma('quick_check').map(row => row.quick_check)
    if (rows.length === 1 && rows[0] === 'ok') return [ok('quick_check', 'ok')]
    return rows.map(row => error('quick_check', row, ADVICE))
  } catch (failure) {
    if (!(failure instanceof SqliteError)) throw failure
    return [error('quick_check', `${failure.message} (${failure.code})`, ADVICE)]
  } finally {
    await db.close()
  }
}

module.exports = { quickCheckFindings }
