/** batch(): all or nothing. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { BatchError, LockTimeout, SqliteError } from '../index.js'
import { rejection } from './helpers/block.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const any = (value: unknown) => value as any

async function withTable(t: ExecutionContext) {
  const db = openDb(t)
  await db.run('CREATE TABLE t (a UNIQUE, b)')
  return db
}

const INSERT = 'INSERT INTO t VALUES (?, ?)'
const count = async (db: Awaited<ReturnType<typeof withTable>>) =>
  (await db.run('UPDATE t SET b = b')).changes

test('all statements are run, and each tells what it did', async t => {
  const db = await withTable(t)
  const results = await db.batch([
    { sql: INSERT, params: [1, 'a'] },
    'INSERT INTO t VALUES (2, 3), (4, 5)',
    { sql: 'UPDATE t SET b = :b WHERE a = :a', params: { a: 1, b: 'x' } }
  ])
  t.deepEqual(results, [
    { changes: 1, lastInsertRowid: 1 },
    { changes: 2, lastInsertRowid: 3 },
    { changes: 1, lastInsertRowid: 0 }
  ])
})

test('one that fails undoes them all, and the error says which', async t => {
  const db = await withTable(t)
  const items = [1, 2, 1, 3].map(a => ({ sql: INSERT, params: [a, 0] }))
  const error = await rejection(db.batch(items))
  t.true(error instanceof BatchError && error instanceof SqliteError)
  t.is(error.name, 'BatchError')
  t.is(error.statementIndex, 2)
  t.is(error.code, 'SQLITE_CONSTRAINT_UNIQUE')
  t.is(error.sql, INSERT)
  t.is(error.cause.name, 'SqliteError')
  t.is(error.cause.code, 'SQLITE_CONSTRAINT_UNIQUE')
  t.true(error.stack.includes('db.batch.spec.ts'))
  t.is(await count(db), 0)
})

test('a COMMIT that fails undoes them all, and is statement -1', async t => {
  const db = await withTable(t)
  await db.run('CREATE TABLE parent (id INTEGER PRIMARY KEY)')
  await db.run('CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)')
  const error = await rejection(db.batch(['INSERT INTO t VALUES (1, 2)', 'INSERT INTO child VALUES (7)']))
  t.is(error.statementIndex, -1)
  t.is(error.code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
  t.is(await count(db), 0)
  await db.batch(['INSERT INTO child VALUES (7)', 'INSERT INTO parent VALUES (7)'])
})

test('writes around a batch that fails are written, each result to its own caller', async t => {
  const db = await withTable(t)
  const before = db.run(INSERT, 1, 'before')
  const failing = rejection(db.batch(['INSERT INTO t VALUES (2, 0)', 'INSERT INTO t VALUES (1, 0)']))
  const good = db.batch(['INSERT INTO t VALUES (3, 0)', 'INSERT INTO t VALUES (4, 0)'])
  const after = db.run('UPDATE t SET b = b')
  t.is((await before).lastInsertRowid, 1)
  t.is((await failing).statementIndex, 1)
  t.deepEqual(
    (await good).map(result => result.lastInsertRowid),
    [2, 3]
  )
  t.is((await after).changes, 3)
})

test('an empty batch is nothing', async t => {
  t.deepEqual(await (await withTable(t)).batch([]), [])
})

test('what is refused in run is refused in a batch, and nothing of it stays', async t => {
  const db = await withTable(t)
  const control = await rejection(db.batch(['INSERT INTO t VALUES (1, 2)', 'COMMIT']))
  t.is(control.code, 'ERR_SQLOCK_TRANSACTION')
  const missing = await rejection(db.batch(['INSERT INTO t VALUES (1, 2)', INSERT]))
  t.true(missing instanceof RangeError)
  const value = await rejection(
    db.batch(['INSERT INTO t VALUES (1, 2)', { sql: INSERT, params: [1, any({})] }])
  )
  t.true(value instanceof TypeError)
  t.is(await count(db), 0)
})

test('a batch has the options of a wait', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const db = openDb(t, dir)
  t.true((await rejection(db.batch(['CREATE TABLE t (a)'], { timeout: 10 }))) instanceof LockTimeout)
  const abort = new AbortController()
  const waiting = db.batch(['CREATE TABLE t (a)'], { timeout: Infinity, signal: abort.signal })
  abort.abort('no')
  t.is(await rejection(waiting), 'no')
  await guard.release()
  t.is(await db.withWriteLock(async () => (await db.batch(['CREATE TABLE t (a)', 'SELECT 1'])).length), 2)
})

test('the arguments of batch are checked', async t => {
  const db = openDb(t)
  for (const items of [
    undefined,
    null,
    'SELECT 1',
    [5],
    [null],
    [{}],
    [{ sql: 'x', timeout: 5 }],
    [{ sql: 'x', params: 5 }]
  ]) {
    const error = await rejection(db.batch(any(items)))
    t.true(error instanceof TypeError, error.stack)
  }
})
