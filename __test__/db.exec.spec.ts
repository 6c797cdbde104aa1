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

test('BEGIN and COMMIT of a script are passed over: all of it is one transaction', async t => {
  const db = await withTable(t)
  const before = db.stats().commits
  await db.exec('BEGIN; INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2)')
  await db.exec(
    'INSERT INTO t VALUES (3); begin exclusive transaction; INSERT INTO t VALUES (4); end transaction'
  )
  await db.exec('BEGIN; COMMIT; ; /* a */ BEGIN DEFERRED; END; -- nothing')
  t.deepEqual(values(db), [1, 2, 3, 4])
  t.is(db.stats().commits, before + 2)
  for (const script of [
    'BEGIN; INSERT INTO t VALUES (5); COMMIT; INSERT INTO t VALUES (5)',
    'BEGIN; INSERT INTO t VALUES (5); COMMIT; BEGIN; INSERT INTO t VALUES (6); COMMIT; SELECT missing',
    'BEGIN; INSERT OR ROLLBACK INTO t VALUES (5), (5); COMMIT; INSERT INTO t VALUES (7)'
  ]) {
    t.true((await rejection(db.exec(script))) instanceof SqliteError, script)
  }
  t.deepEqual(values(db), [1, 2, 3, 4])
})

test('a script whose BEGIN and COMMIT do not pair up, or that has other such statements, does not begin', async t => {
  const db = await withTable(t)
  await db.exec('CREATE TABLE log (a); PRAGMA user_version = 1')
  for (const sql of [
    'BEGIN; INSERT INTO t VALUES (1)',
    'BEGIN; INSERT INTO t VALUES (1); COMMIT; BEGIN; INSERT INTO t VALUES (2)',
    'INSERT INTO t VALUES (1); COMMIT',
    'BEGIN; BEGIN; INSERT INTO t VALUES (1); COMMIT; COMMIT',
    'BEGIN; INSERT INTO t VALUES (1); ROLLBACK; INSERT INTO t VALUES (2)',
    'INSERT INTO t VALUES (1); ROLLBACK',
    'INSERT INTO t VALUES (1); SAVEPOINT s; RELEASE s',
    'BEGIN; SAVEPOINT s; INSERT INTO t VALUES (1); ROLLBACK TO s; RELEASE s; COMMIT',
    'SAVEPOINT s; INSERT INTO t VALUES (1)',
    'PRAGMA foreign_keys = OFF; COMMIT',
    'COMMIT',
    '/* a */ END',
    'BEGIN',
    'EXPLAIN BEGIN'
  ]) {
    t.is((await rejection(db.exec(sql))).code, 'ERR_SQLOCK_TRANSACTION', sql)
  }
  t.is((await rejection(db.exec('BEGIN wrong; COMMIT'))).code, 'SQLITE_ERROR')
  t.deepEqual(values(db), [])
  t.is(db.pragma('foreign_keys', { simple: true }), 1)
  await db.run('INSERT INTO t VALUES (3)')
  t.deepEqual(values(db), [3])
})

test('in a transaction of the program a script has no BEGIN and COMMIT', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    const error = await rejection(tx.exec('BEGIN; INSERT INTO t VALUES (1); COMMIT'))
    t.is(error.code, 'ERR_SQLOCK_TRANSACTION')
    await tx.exec('INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)')
  })
  t.deepEqual(values(db), [2, 3])
})

test('VACUUM runs by whichever call', async t => {
  const db = await withTable(t)
  await db.run('VACUUM')
  await db.execute('VACUUM')
  t.deepEqual(await db.allAsync('VACUUM'), [])
})

test('VACUUM stands before the first other statement', async t => {
  const db = await withTable(t)
  await db.exec('PRAGMA foreign_keys = ON; VACUUM; INSERT INTO t VALUES (1)')
  for (const sql of [
    'INSERT INTO t VALUES (2); VACUUM',
    'BEGIN; VACUUM; COMMIT; INSERT INTO t VALUES (2); VACUUM'
  ]) {
    t.is((await rejection(db.exec(sql))).code, 'SQLITE_ERROR', sql)
  }
  t.deepEqual(values(db), [1])
})

test('the error of a script has the statement, and the offset in it', async t => {
  const db = await withTable(t)
  const error = await rejection(
    db.exec("INSERT INTO t VALUES (';'); -- a; b\n SELECT missing FROM t; SELECT 1")
  )
  t.is(error.sql, 'SELECT missing FROM t;')
  t.is(error.offset, 7)
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

/** As the shell of SQLite makes it. */
const dump = (table: string) =>
  `PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE ${table} (a REFERENCES none);\nINSERT INTO ${table} VALUES(1);\nCOMMIT;\n`

test('what another program has dumped is loaded', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const rows = Array.from({ length: 2000 }, (_, n) => `INSERT INTO t VALUES(${n},'it''s; ${n}');`)
  await db.exec(
    `PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a, b);\n${rows.join('\n')}\nCOMMIT;\n`
  )
  t.deepEqual(db.get('SELECT count(*) AS n FROM t'), { n: 2000 })
  await db.exec(dump('a') + dump('b'))
  t.deepEqual([...db.all('SELECT a FROM a'), ...db.all('SELECT a FROM b')], [{ a: 1 }, { a: 1 }])
  await rejection(db.exec(dump('c') + dump('b')))
  t.is(db.get("SELECT 1 FROM sqlite_schema WHERE name = 'c'"), undefined)
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
