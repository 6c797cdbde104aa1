/** exec(): several statements in one text. DESIGN, transaction control. */
import { readdirSync } from 'node:fs'
import test from 'ava'
import { LockTimeout, SqliteError } from '../index.js'
import { rejection } from './helpers/block.ts'
import { values, withTable } from './helpers/table.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('the statements of a script are run in one transaction', async t => {
  const db = await withTable(t)
  const before = db.stats().commits
  await db.exec(`
    -- a comment; with a semicolon
    CREATE TABLE u (b); CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO u VALUES (new.a); SELECT 1; END;
    INSERT INTO t VALUES ('a;b'); ; SELECT * FROM t /* ; */;;
    INSERT INTO t VALUES (2) RETURNING a; PRAGMA user_version = 5`)
  t.deepEqual(values(db), ['a;b', 2])
  t.deepEqual(db.all('SELECT b FROM u'), [{ b: 'a;b' }, { b: 2 }])
  t.is(db.pragma('user_version', { simple: true }), 5)
  t.is(db.stats().commits, before + 1)
})

test('a statement that fails undoes the script, and the error is its own', async t => {
  const db = await withTable(t)
  for (const [sql, code, failed] of [
    [
      'INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)',
      'SQLITE_CONSTRAINT_UNIQUE',
      'INSERT INTO t VALUES (1);'
    ],
    ['PRAGMA user_version = 7; INSERT INTO t VALUES (1); INSERT INTO none VALUES (1)', 'SQLITE_ERROR', ''],
    [
      'INSERT INTO t VALUES (1); INSERT OR ROLLBACK INTO t VALUES (1)',
      'SQLITE_CONSTRAINT_UNIQUE',
      'INSERT OR ROLLBACK'
    ],
    ['INSERT INTO t VALUES (1); SELEC 2', 'SQLITE_ERROR', ''],
    ['INSERT INTO t VALUES (1); VACUUM', 'SQLITE_ERROR', 'VACUUM']
  ] as const) {
    const error = await rejection(db.exec(sql))
    t.true(error instanceof SqliteError, sql)
    t.is(error.code, code, sql)
    t.true(error.sql.trim().startsWith(failed), error.sql)
    t.true(error.stack.includes('db.exec.spec.ts'))
  }
  t.deepEqual(values(db), [])
  t.is(db.pragma('user_version', { simple: true }), 0)
})

test('a script may have a whole transaction of its own, and what stands around it', async t => {
  const db = await withTable(t)
  await db.exec('PRAGMA foreign_keys = OFF; BEGIN; INSERT INTO t VALUES (1); COMMIT')
  await db.exec(
    'BEGIN; INSERT INTO t VALUES (2); SAVEPOINT s; INSERT INTO t VALUES (3); ROLLBACK TO s; RELEASE s; END'
  )
  await db.exec('BEGIN; INSERT INTO t VALUES (4); ROLLBACK; INSERT INTO t VALUES (5)')
  await db.exec('VACUUM; PRAGMA foreign_keys = ON; INSERT INTO t VALUES (6)')
  t.deepEqual(values(db), [1, 2, 5, 6])
})

test('a script that leaves a transaction open, or ends one that is not its own, is rolled back', async t => {
  const db = await withTable(t)
  for (const sql of [
    'BEGIN; INSERT INTO t VALUES (1)',
    'INSERT INTO t VALUES (1); COMMIT',
    'INSERT INTO t VALUES (1); ROLLBACK',
    'INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2); COMMIT',
    'INSERT INTO t VALUES (1); SAVEPOINT s; RELEASE s',
    'SAVEPOINT s; INSERT INTO t VALUES (1)',
    'COMMIT',
    'BEGIN'
  ]) {
    t.is((await rejection(db.exec(sql))).code, 'ERR_SQLOCK_TRANSACTION', sql)
  }
  t.deepEqual(values(db), [])
  await db.run('INSERT INTO t VALUES (3)')
  t.deepEqual(values(db), [3])
})

test('a script without a statement is fine, one with a parameter or an ATTACH is refused', async t => {
  const db = await withTable(t)
  await db.exec('')
  await db.exec(' ; -- nothing\n;')
  t.is(
    (await rejection(db.exec('INSERT INTO t VALUES (1); INSERT INTO t VALUES (?)'))).code,
    'ERR_OUT_OF_RANGE'
  )
  t.is((await rejection(db.exec("INSERT INTO t VALUES (1); ATTACH 'x' AS y"))).code, 'SQLITE_AUTH')
  t.is((await rejection(db.exec("VACUUM; ATTACH 'x' AS y"))).code, 'SQLITE_AUTH')
  t.deepEqual(values(db), [])
})

test('a script between other writes has its own transaction, and they have theirs', async t => {
  const db = await withTable(t)
  const outcomes = await Promise.allSettled([
    db.run('INSERT INTO t VALUES (1)'),
    db.exec('INSERT INTO t VALUES (2); INSERT INTO t VALUES (1)'),
    db.run('INSERT INTO t VALUES (3)'),
    db.exec('INSERT INTO t VALUES (4); INSERT INTO t VALUES (5)')
  ])
  t.deepEqual(
    outcomes.map(outcome => outcome.status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled']
  )
  t.deepEqual(values(db), [1, 3, 4, 5])
})

test('what another program has dumped is loaded', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const rows = Array.from({ length: 2000 }, (_, n) => `INSERT INTO t VALUES(${n},'it''s; ${n}');`)
  await db.exec(
    `PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a, b);\n${rows.join('\n')}\nCOMMIT;\n`
  )
  t.deepEqual(db.get('SELECT count(*) AS n FROM t'), { n: 2000 })
  t.deepEqual(readdirSync(dir).toSorted(), ['app.db', 'app.db-shm', 'app.db-wal', 'db.lock'])
})

test('a script waits for the lock, with a timeout of its own', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const locker = openLocker(t, dir)
  await locker.acquire()
  t.true((await rejection(db.exec({ sql: 'INSERT INTO t VALUES (1)', timeout: 5 }))) instanceof LockTimeout)
  const controller = new AbortController()
  const waiting = rejection(db.exec({ sql: 'INSERT INTO t VALUES (1)', signal: controller.signal }))
  controller.abort('left')
  t.is(await waiting, 'left')
})
