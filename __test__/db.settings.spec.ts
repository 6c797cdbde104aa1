/** Pragmas: those that hold for all connections of a DB, those that end with a transaction, and those that are refused. */
import test from 'ava'
import type { DB } from '../index.js'
import { rejection } from './helpers/block.ts'
import { withTable } from './helpers/table.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

/** `[pragma, what it is at first, another value]` */
const SETTINGS = [
  ['foreign_keys', 1, 'OFF', 0],
  ['synchronous', 1, 'EXTRA', 3],
  ['recursive_triggers', 0, 'ON', 1],
  ['ignore_check_constraints', 0, 'yes', 1]
] as const

/** What each connection says: that of plain reads, those of others, the writing one. */
async function everywhere(db: DB, pragma: string) {
  const sql = `PRAGMA ${pragma}`
  const rows = [
    ...db.all(sql),
    ...(await Promise.all([db.getAsync(sql), db.getAsync(sql), db.getAsync(sql)])),
    await db.transaction(async tx => tx.get(sql))
  ]
  return [db.pragma(pragma, { simple: true }), ...rows.map(row => Object.values(row as object)[0])]
}

const isSensitive = async (db: DB) => {
  const sql = "SELECT 'A' LIKE 'a' AS x"
  const rows = [db.get(sql), await db.getAsync(sql), await db.transaction(async tx => tx.get(sql))]
  return rows.map(row => (row as { x: number }).x === 0)
}

for (const [pragma, first, value, then] of SETTINGS) {
  test(`${pragma} holds for all connections, those that are opened later too`, async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir)
    const other = openDb(t, dir)
    db.get('SELECT a FROM t')
    for (const set of [
      (sql: string) => db.run(sql),
      (sql: string) => db.exec(sql),
      (sql: string) => db.execute(sql),
      (sql: string) => db.withWriteLock(() => db.run(sql))
    ]) {
      await set(`PRAGMA ${pragma} = ${value}`)
      t.deepEqual([...new Set(await everywhere(db, pragma))], [then])
      await set(`PRAGMA ${pragma} = ${first}`)
      t.deepEqual([...new Set(await everywhere(db, pragma))], [first])
    }
    await db.exec(`PRAGMA main.${pragma}(${value}); INSERT INTO t VALUES (1)`)
    t.deepEqual([...new Set(await everywhere(db, pragma))], [then])
    t.deepEqual([...new Set(await everywhere(other, pragma))], [first])
  })

  test(`${pragma}: after an error all is as before`, async t => {
    const db = await withTable(t)
    for (const script of [
      `PRAGMA ${pragma} = ${value}; INSERT INTO none VALUES (1)`,
      `PRAGMA ${pragma} = ${value}; PRAGMA busy_timeout = 1`,
      `PRAGMA ${pragma} = ${value}; INSERT INTO t VALUES (1); PRAGMA ${pragma} = wrong`,
      `PRAGMA ${pragma} = ${value}; BEGIN; INSERT INTO t VALUES (1), (1); COMMIT`
    ]) {
      await rejection(db.exec(script))
      t.deepEqual([...new Set(await everywhere(db, pragma))], [first], script)
    }
    t.is((await rejection(db.run(`PRAGMA ${pragma} = ${value}; SELECT 1`))).code, 'SQLITE_MISUSE')
    t.is((await rejection(db.run(`EXPLAIN PRAGMA ${pragma} = ${value}`))).code, 'SQLITE_MISUSE')
    t.is((await rejection(db.run(`PRAGMA ${pragma} = wrong`))).code, 'SQLITE_MISUSE')
    t.is((await rejection(db.run(`PRAGMA ${pragma} = ${value}`, 1))).code, 'ERR_OUT_OF_RANGE')
    t.notThrows(() => db.prepare(`PRAGMA ${pragma} = ${value}`))
    t.is(
      (t.throws(() => db.pragma(`${pragma} = ${value}`)) as { code?: string }).code,
      'ERR_SQLOCK_SYNC_WRITE'
    )
    t.is(
      (t.throws(() => db.get(`PRAGMA ${pragma} = ${value}`)) as { code?: string }).code,
      'ERR_SQLOCK_SYNC_WRITE'
    )
    t.deepEqual([...new Set(await everywhere(db, pragma))], [first])
  })

  test(`${pragma} in a transaction is refused, unless it changes nothing`, async t => {
    const db = await withTable(t)
    const sql = `PRAGMA ${pragma} = ${value}`
    for (const act of [
      () => db.transaction(tx => tx.run(sql)),
      () => db.transaction(tx => tx.exec(sql)),
      () => db.transaction(tx => tx.execute(sql)),
      () => db.transaction(tx => tx.savepoint(inner => inner.run(sql))),
      () => db.transaction(() => db.run(sql)),
      () => db.batch([sql]),
      () => db.exec(`INSERT INTO t VALUES (1); ${sql}; INSERT INTO t VALUES (2)`),
      () => db.exec(`BEGIN; ${sql}; INSERT INTO t VALUES (1); COMMIT`),
      () => db.migrate([{ id: '1', up: sql }])
    ]) {
      const error = await rejection(act())
      t.is((error.cause ?? error).code, 'SQLITE_AUTH', String(act))
      t.regex(error.message, new RegExp(`PRAGMA ${pragma} is refused: in a transaction`))
    }
    const same = `PRAGMA ${pragma} = ${first}`
    await db.transaction(async tx => {
      await tx.run(same)
      await tx.exec(`INSERT INTO t VALUES (1); ${same}; INSERT INTO t VALUES (2)`)
    })
    await db.batch([same, 'INSERT INTO t VALUES (3)'])
    await db.exec(`BEGIN; ${same}; INSERT INTO t VALUES (4); COMMIT`)
    t.is(db.all('SELECT a FROM t').length, 4)
    t.deepEqual([...new Set(await everywhere(db, pragma))], [first])
  })
}

test('case_sensitive_like holds for all connections', async t => {
  const db = await withTable(t)
  t.deepEqual(await isSensitive(db), [false, false, false])
  await db.run('PRAGMA case_sensitive_like = 1')
  t.deepEqual(await isSensitive(db), [true, true, true])
  await db.exec('PRAGMA case_sensitive_like = off; INSERT INTO t VALUES (1)')
  t.deepEqual(await isSensitive(db), [false, false, false])
  await rejection(db.exec('PRAGMA case_sensitive_like = 1; INSERT INTO t VALUES (1)'))
  t.deepEqual(await isSensitive(db), [false, false, false])
})

test('an iterator goes on while a setting changes, and the reads after it follow', async t => {
  const db = await withTable(t)
  await db.exec("INSERT INTO t VALUES ('a'); INSERT INTO t VALUES ('A')")
  const sql = "SELECT a FROM t WHERE a LIKE 'a'"
  const [rows, later] = [db.iterate(sql), db.iterateAsync(sql)]
  rows.next()
  await later.next()
  await db.run('PRAGMA case_sensitive_like = ON')
  t.is([...rows].length, 1)
  t.is((await later.next()).done, false)
  t.is(db.all(sql).length, 1)
  await later.return?.()
})

test('settings at the end of a script take effect after its COMMIT', async t => {
  const db = await withTable(t)
  await db.exec('CREATE TABLE p (a INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p)')
  await db.exec(
    'PRAGMA foreign_keys = OFF; BEGIN; INSERT INTO c VALUES (1); COMMIT; PRAGMA foreign_keys = ON'
  )
  t.deepEqual([...new Set(await everywhere(db, 'foreign_keys'))], [1])
  t.deepEqual(db.all('SELECT p FROM c'), [{ p: 1 }])
})

/** All that are of one connection, or without effect. */
for (const [pragma, use] of [
  ['busy_timeout = 1', /busyTimeout/],
  ['journal_mode = DELETE', /WAL/],
  ['locking_mode = EXCLUSIVE', /withWriteLock/],
  ['query_only = 1', /readonly/],
  ['wal_checkpoint', /checkpoint\(\)/],
  ['wal_checkpoint(TRUNCATE)', /checkpoint\(\)/],
  ['wal_autocheckpoint = 7', /checkpoint/],
  ['cache_size = 7', /one connection/],
  ['mmap_size = 4096', /one connection/],
  ['temp_store = MEMORY', /one connection/],
  ['secure_delete = ON', /one connection/],
  ['trusted_schema = OFF', /one connection/],
  ['cell_size_check = ON', /one connection/],
  ['read_uncommitted = 1', /one connection/],
  ['max_page_count = 5', /one connection/],
  ['soft_heap_limit = 5', /process/],
  ['shrink_memory', /one connection/],
  ['page_size = 512', /option pageSize .*WAL mode keeps/],
  ['auto_vacuum = FULL', /option autoVacuum .*VACUUM'\)/],
  ["encoding = 'UTF-16'", /made/],
  ['no_such_pragma = 1', /no pragma/]
] as const) {
  test(`PRAGMA ${pragma} is refused wherever it is given, with what to use`, async t => {
    const db = await withTable(t)
    const sql = `PRAGMA ${pragma}`
    for (const act of [() => db.run(sql), () => db.exec(sql), () => db.withWriteLock(() => db.run(sql))]) {
      const error = await rejection(act())
      t.is(error.code, 'SQLITE_AUTH')
      t.regex(error.message, use)
    }
    for (const act of [() => db.batch([sql]), () => db.transaction(tx => tx.run(sql))]) {
      t.regex((await rejection(act())).message, use)
    }
  })
}

test('a pragma that changes nothing passes, wherever it is given', async t => {
  const db = await withTable(t)
  const same = ['journal_mode = wal', 'cache_size = -2000', 'locking_mode = NORMAL', 'auto_vacuum = NONE']
  for (const pragma of [
    ...same,
    "encoding = 'UTF-8'",
    'query_only = OFF',
    'foreign_keys = on',
    'writable_schema = 0'
  ]) {
    const sql = `PRAGMA ${pragma}`
    await db.run(sql)
    await db.exec(`INSERT INTO t VALUES (1); ${sql}; DELETE FROM t`)
    await db.batch([sql])
    await db.transaction(tx => tx.exec(sql))
  }
  t.deepEqual((await db.execute('PRAGMA journal_mode = WAL')).rows, [{ journal_mode: 'wal' }])
})

test('a pragma of the file is a write like any other', async t => {
  const db = await withTable(t)
  await db.run('PRAGMA user_version = 3')
  await rejection(db.exec('PRAGMA user_version = 4; INSERT INTO none VALUES (1)'))
  await rejection(db.batch(['PRAGMA application_id = 5', 'INSERT INTO none VALUES (1)']))
  t.deepEqual(
    [db.pragma('user_version', { simple: true }), db.pragma('application_id', { simple: true })],
    [3, 0]
  )
  t.regex((await rejection(db.run('PRAGMA temp.user_version = 3'))).message, /TEMP/)
  await db.exec('PRAGMA optimize; PRAGMA incremental_vacuum(5)')
})

test('what a pragma allows for a transaction ends with it, however that ends', async t => {
  const db = await withTable(t)
  const forged =
    "INSERT INTO sqlite_schema VALUES ('table', 'forged', 'forged', 0, 'CREATE TABLE forged (a)')"
  const refused = async () => t.regex((await rejection(db.run(forged))).message, /may not be modified/)
  for (const act of [
    () => db.transaction(tx => tx.run('PRAGMA writable_schema = ON')),
    () => db.transaction(tx => tx.exec('PRAGMA writable_schema = ON; SELECT missing')),
    () => db.batch(['PRAGMA writable_schema = ON']),
    () => db.batch(['PRAGMA writable_schema = ON', 'SELECT missing']),
    () => db.exec('PRAGMA writable_schema = ON; INSERT INTO t VALUES (1); DELETE FROM t'),
    () => db.exec('INSERT INTO t VALUES (1); PRAGMA writable_schema = ON; SELECT missing')
  ]) {
    await act().catch(() => {})
    await refused()
  }
  for (const pragma of ['writable_schema', 'legacy_alter_table', 'defer_foreign_keys']) {
    t.regex((await rejection(db.run(`PRAGMA ${pragma} = ON`))).message, /use it in transaction\(\)/)
    await db.transaction(tx => tx.run(`PRAGMA ${pragma} = ON`))
    await db.transaction(async tx => t.is(Object.values(tx.get(`PRAGMA ${pragma}`)!)[0], 0))
  }
})

test('a dump with a virtual table in it is loaded', async t => {
  const db = await withTable(t)
  await db.exec(`PRAGMA foreign_keys=OFF;
    BEGIN TRANSACTION;
    PRAGMA writable_schema=ON;
    CREATE TABLE x (a);
    INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('view','v','v',0,'CREATE VIEW v AS SELECT 1 AS one');
    PRAGMA writable_schema=OFF;
    COMMIT;`)
  t.deepEqual(db.all("SELECT name FROM sqlite_schema WHERE type = 'view'"), [{ name: 'v' }])
})
