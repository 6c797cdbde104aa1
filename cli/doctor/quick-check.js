/** SQLite's own check of the file, https://www.sqlite.org/pragma.html#pragma_quick_check, as a reader. */
'use strict'

const { DB, SqliteError } = require('../../index')
const { error, ok, warning } = require('./finding')

const ADVICE =
  'keep a copy of the file, -wal and -shm as they are, then restore a backup, or: sqlite3 FILE .recover'
/** What keeps a reader from the file, and says nothing about the file itself. */
const NOT_READ = /^SQLITE_(BUSY|CANTOPEN|LOCKED|READONLY)/

async function quickCheckFindings({ file }) {
  let db
  try {
    db = new DB(file, { readonly: true })
    const rows = db.pragma('quick_check').map(row => row.quick_check)
    if (rows.length === 1 && rows[0] === 'ok') return [ok('quick_check', 'ok')]
    return rows.map(row => error('quick_check', row, ADVICE))
  } catch (failure) {
    if (!(failure instanceof SqliteError)) throw failure
    return [judge(failure)]
  } finally {
    await db?.close()
  }
}

function judge({ code, message }) {
  if (!NOT_READ.test(code)) return error('quick_check', `${message} (${code})`, ADVICE)
  const advice = 'see what journal, permissions and users say, then run it again'
  return warning('quick_check', `the file was not checked: ${message} (${code})`, advice)
}

module.exports = { quickCheckFindings }
