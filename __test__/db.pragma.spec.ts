/** Reading pragmas. */
import test from 'ava'
import { SqliteError, SqlockError } from '../index.js'
import { openDb } from './helpers/tmp.ts'

test('a pragma answers with rows, or with one value', async t => {
  const db = openDb(t)
  await db.createRecord('a', 1)
  t.deepEqual(db.pragma('journal_mode'), [{ journal_mode: 'wal' }])
  t.is(db.pragma('JOURNAL_MODE', { simple: true }), 'wal')
  t.is(db.pragma('main.integrity_check', { simple: true }), 'ok')
  t.deepEqual(
    (db.pragma('table_info(records)') as { name: string }[]).map(column => column.name),
    ['id', 'name', 'value']
  )
  t.is(db.pragma('page_count', { simple: true }), 2)
})

test('the INTEGERs of a pragma come as those of any read', async t => {
  const bigint = openDb(t, undefined, { integers: 'bigint', busyTimeout: 7 })
  await bigint.createRecord('a', 1)
  t.deepEqual(bigint.pragma('page_count'), [{ page_count: 2n }])
  t.deepEqual(bigint.pragma(' busy_timeout;'), [{ timeout: 7n }])
  t.is(bigint.pragma('busy_timeout', { simple: true }), 7n)
})

test('a pragma in a transaction sees what that has done', async t => {
  const db = openDb(t)
  await db.transaction(async tx => {
    await tx.run('PRAGMA user_version = 3')
    t.is(db.pragma('user_version', { simple: true }), 3)
  })
})

test('a pragma that SQLite does not know has no rows', t => {
  const db = openDb(t)
  t.deepEqual(db.pragma('no_such_thing'), [])
  t.is(db.pragma('no_such_thing', { simple: true }), undefined)
})

for (const source of [
  'journal_mode = DELETE',
  'journal_mode(DELETE)',
  'user_version = 7',
  'wal_checkpoint',
  'wal_checkpoint(TRUNCATE)',
  'optimize',
  'incremental_vacuum',
  'query_only = 0'
]) {
  test(`PRAGMA ${source} writes and is refused`, async t => {
    const db = openDb(t)
    await db.createRecord('a', 1)
    const error = t.throws(() => db.pragma(source)) as SqlockError
    t.true(error instanceof SqlockError)
    t.is(error.code, 'ERR_SQLOCK_SYNC_WRITE')
    t.regex(error.message, new RegExp(`^PRAGMA ${/\w+/.exec(source)} is a write here: `))
    t.is(db.pragma('journal_mode', { simple: true }), 'wal')
    t.is(db.pragma('user_version', { simple: true }), 0)
  })
}

for (const source of [
  'user_version; DELETE FROM records',
  'user_version; PRAGMA user_version = 9',
  'no such (',
  ''
]) {
  test(`"${source}" is an error and runs not at all`, async t => {
    const db = openDb(t)
    await db.createRecord('a', 1)
    const error: unknown = t.throws(() => db.pragma(source))
    t.true(error instanceof SqliteError || error instanceof SqlockError)
    t.is(db.getAllRecords().length, 1)
    t.is(db.pragma('user_version', { simple: true }), 0)
  })
}
