/** execute(): a statement of any kind. */
import test from 'ava'
import { DB } from '../index.js'
import { rejection } from './helpers/block.ts'
import { INSERT, values, withTable } from './helpers/table.ts'
import { openLocker, tmpDir } from './helpers/tmp.ts'

const NOTHING = { changes: 0, lastInsertRowid: 0 }

test('it gives the rows of a statement and what that did, whatever it is', async t => {
  const db = await withTable(t)
  for (const begin of [async () => db, () => db.begin()]) {
    const target = await begin()
    t.deepEqual(await target.execute('DELETE FROM t'), { columns: [], rows: [], ...NOTHING })
    t.deepEqual(await target.execute(INSERT, 1), { columns: [], rows: [], changes: 1, lastInsertRowid: 1 })
    t.deepEqual(await target.execute({ sql: 'INSERT INTO t VALUES (?), (3) RETURNING a', params: [2] }), {
      columns: ['a'],
      rows: [{ a: 2 }, { a: 3 }],
      changes: 2,
      lastInsertRowid: 3
    })
    t.deepEqual(await target.execute('UPDATE t SET a = a + 10 WHERE a > ?', 1), {
      columns: [],
      rows: [],
      changes: 2,
      lastInsertRowid: 0
    })
    t.deepEqual(await target.execute('SELECT a FROM t WHERE a > :least', { least: 1 }), {
      columns: ['a'],
      rows: [{ a: 12 }, { a: 13 }],
      ...NOTHING
    })
    t.deepEqual(await target.execute('CREATE TABLE IF NOT EXISTS u (a)'), {
      columns: [],
      rows: [],
      ...NOTHING
    })
    t.deepEqual(await target.execute('PRAGMA user_version'), {
      columns: ['user_version'],
      rows: [{ user_version: 0 }],
      ...NOTHING
    })
    t.deepEqual(await target.execute('SELECT a AS b, a FROM t WHERE a = 0'), {
      columns: ['b', 'a'],
      rows: [],
      ...NOTHING
    })
    await target.execute('DELETE FROM t')
  }
})

test('its integers come in the mode of the DB', async t => {
  const db = new DB(`${tmpDir(t)}/app.db`, { integers: 'bigint' })
  await db.exec('CREATE TABLE t (a)')
  t.deepEqual(await db.execute(INSERT, 5), { columns: [], rows: [], changes: 1, lastInsertRowid: 1n })
  t.deepEqual(await db.execute('SELECT a FROM t'), {
    columns: ['a'],
    rows: [{ a: 5n }],
    changes: 0,
    lastInsertRowid: 0n
  })
  await db.close()
})

test('calls that are issued together in a transaction are done in their order', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    const [, made, , found] = await Promise.all([
      tx.execute(INSERT, 1),
      tx.execute('CREATE TABLE made AS SELECT a FROM t'),
      tx.execute('UPDATE made SET a = 2'),
      tx.execute('SELECT a FROM made')
    ])
    t.is(made.changes, 0)
    t.deepEqual(found.rows, [{ a: 2 }])
  })
  t.deepEqual(values(db), [1])
})

test('a read does not take the lock, a write does', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  await openLocker(t, dir).acquire()
  t.deepEqual((await db.execute('SELECT a FROM t')).rows, [])
  t.is((await rejection(db.execute({ sql: INSERT, params: [1], timeout: 5 }))).code, 'ERR_SQLOCK_TIMEOUT')
})

test('writes that are issued together share commits, and fail each by itself', async t => {
  const db = await withTable(t)
  const { commits } = db.stats()
  const outcomes = await Promise.allSettled([1, 2, 2, 3].map(value => db.execute(INSERT, value)))
  t.deepEqual(
    outcomes.map(outcome => (outcome.status === 'rejected' ? outcome.reason.code : outcome.value.changes)),
    [1, 1, 'SQLITE_CONSTRAINT_UNIQUE', 1]
  )
  t.true(db.stats().commits - commits < 3)
  t.is((await rejection(db.execute('BEGIN'))).code, 'ERR_SQLOCK_TRANSACTION')
})
