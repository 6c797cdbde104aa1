/**
 * Calls that wait for a program that ignores the lock: SQLite's busy handler, on whichever thread it runs. That program keeps its
 * locks until it is told to end, and busyTimeout is as good as endless: what does not see an abort, or holds up the event loop,
 * never comes to its end.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DB } from '../index.js'
import type { Transaction } from '../index.js'
import { Gate, eventually, rejection } from './helpers/block.ts'
import { attempt, hasSql, sql, stayIn } from './helpers/sqlite.ts'
import { INSERT, inBegun, values, withTable } from './helpers/table.ts'
import { lockFile, openDb, tmpDir } from './helpers/tmp.ts'

const PATIENT = { busyTimeout: 2 ** 31 - 1, timeout: Infinity }

const isHeld = (dir: string) => (statSync(lockFile(dir), { throwIfNoEntry: false })?.size ?? 0) > 0

type Call = (db: DB, signal: AbortSignal, dir: string) => Promise<unknown>

/** What takes the lock, and then waits for the program that writes. */
const WRITES: Record<string, Call> = {
  'run()': (db, signal) => db.run({ sql: INSERT, params: ['ours'], signal }),
  'run() with a further write behind it': (db, signal) =>
    Promise.all([1, 2].map(n => db.run({ sql: INSERT, params: [n], signal }))),
  'batch()': (db, signal) => db.batch([{ sql: INSERT, params: ['ours'] }, 'DELETE FROM t'], { signal }),
  'exec()': (db, signal) => db.exec({ sql: 'INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)', signal }),
  'getAsync() of an INSERT': (db, signal) =>
    db.getAsync({ sql: `${INSERT} RETURNING a`, params: ['ours'], signal }),
  'transaction()': (db, signal) => db.transaction(tx => tx.run(INSERT, 'ours'), { signal }),
  'a savepoint in transaction()': (db, signal) =>
    db.transaction(tx => tx.savepoint(inner => inner.run(INSERT, 'ours')), { signal }),
  'a transaction under withWriteLock()': (db, signal) =>
    db.withWriteLock(() => db.transaction(tx => tx.run(INSERT, 'ours'), { signal })),
  'run() under withWriteLock()': (db, signal) =>
    db.withWriteLock(() => db.run({ sql: INSERT, params: ['ours'], signal })),
  'begin()': (db, signal) => inBegun(db, tx => tx.run({ sql: INSERT, params: ['ours'], signal }), { signal }),
  'migrate()': (db, signal) => db.migrate([{ id: 'a', up: 'CREATE TABLE u (a)' }], { signal })
}

/** What reads a database without a WAL, while the program has it to itself. */
const READS: Record<string, Call> = {
  'getAsync()': (db, signal) => db.getAsync({ sql: 'SELECT a FROM t', signal }),
  'allAsync()': (db, signal) => db.allAsync({ sql: 'SELECT a FROM t', signal }),
  'execute()': (db, signal) => db.execute({ sql: 'SELECT a FROM t', signal }),
  'iterateAsync()': (db, signal) => db.iterateAsync({ sql: 'SELECT a FROM t', signal }).next(),
  'backup()': (db, signal, dir) => db.backup(join(dir, 'copy.db'), { signal }),
  'checkpoint(PASSIVE)': (db, signal) => db.checkpoint('PASSIVE', { signal }),
  'checkpoint(FULL)': (db, signal) => db.checkpoint('FULL', { signal })
}

/** Calls off what waits, at different moments of its wait, and sees that it has not happened. */
async function abort(
  t: ExecutionContext,
  db: DB,
  dir: string,
  name: string,
  call: Call,
  isUnderWay: () => boolean
) {
  for (const ms of [0, 1, 7, 20]) {
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const failing = rejection(call(db, controller.signal, dir))
    await eventually(t, isUnderWay)
    setTimeout(() => controller.abort(reason), ms)
    t.is(await failing, reason, name)
    await eventually(t, () => !isHeld(dir))
  }
}

/** A database with a rollback journal, opened with options, and a program that keeps it in the state that `statements` lead to. */
async function withForeign(t: ExecutionContext, ...statements: string[]) {
  const dir = tmpDir(t)
  const path = join(dir, 'app.db')
  await sql(t, path, 'CREATE TABLE t (a UNIQUE)')
  const db = openDb(t, dir, PATIENT)
  const foreign = await stayIn(t, path, ...statements)
  return { dir, db, foreign }
}

if (hasSql) {
  test('an abort ends the wait of each write for a program that writes, and nothing is written', async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir, PATIENT)
    const foreign = await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE', "INSERT INTO t VALUES ('theirs')")
    for (const [name, call] of Object.entries(WRITES)) await abort(t, db, dir, name, call, () => isHeld(dir))
    foreign.child.stdin!.end()
    await foreign.ended()
    await db.run(INSERT, 'after')
    t.deepEqual(values(db), ['after'], 'the program has rolled back')
  })

  test('an abort ends the wait of each write for a program that reads a database without a WAL', async t => {
    const { dir, db, foreign } = await withForeign(t, 'BEGIN', 'SELECT * FROM t')
    for (const [name, call] of Object.entries(WRITES)) await abort(t, db, dir, name, call, () => isHeld(dir))
    foreign.child.stdin!.end()
    await foreign.ended()
    await db.run(INSERT, 'after')
    t.deepEqual(values(db), ['after'])
  })

  test('an abort ends the wait of each async read for a program that has the database to itself', async t => {
    const { dir, db } = await withForeign(t, 'BEGIN EXCLUSIVE')
    // Nothing tells when one has begun to wait.
    for (const [name, call] of Object.entries(READS)) await abort(t, db, dir, name, call, () => true)
  })

  test('an async read does not hold up the event loop, and comes to its end when the program is done', async t => {
    const { db, foreign } = await withForeign(t, 'BEGIN EXCLUSIVE', "INSERT INTO t VALUES ('theirs')")
    const reads = [db.getAsync('SELECT count(*) AS n FROM t'), db.allAsync('SELECT a AS n FROM t')]
    const written = db.getAsync(`${INSERT} RETURNING a AS n`, 'ours')
    await new Promise(resolve => setTimeout(resolve, 5))
    foreign.child.stdin!.end()
    const [counted] = await Promise.all(reads)
    t.true([0, 1].includes((counted as any).n), 'before or after our own')
    t.deepEqual(await written, { n: 'ours' })
    t.deepEqual(values(db), ['ours'])
  })

  test('an abort ends the wait of a checkpoint for a reader', async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir, PATIENT)
    await stayIn(t, db.dbPath, 'BEGIN', 'SELECT * FROM t')
    await db.run(INSERT, 1)
    for (const mode of ['FULL', 'RESTART', 'TRUNCATE'] as const) {
      const call: Call = (db, signal) => db.checkpoint(mode, { signal })
      await abort(t, db, dir, mode, call, () => isHeld(dir))
    }
    await db.run(INSERT, 2)
    t.deepEqual(values(db), [1, 2])
  })

  test('close() waits for a write that waits for another program, and the event loop goes on', async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir, PATIENT)
    const foreign = await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
    const writes = [db.run(INSERT, 1), db.transaction(tx => tx.run(INSERT, 2))]
    const refused = rejection(writes[1]!)
    await eventually(t, () => isHeld(dir))
    const closing = db.close({ timeout: 1 })
    t.is((await refused).code, 'ERR_SQLOCK_CLOSED', 'it has not got the lock')
    foreign.child.stdin!.end()
    await writes[0]
    await closing
    const other = openDb(t, dir)
    t.deepEqual(values(other), [1])
  })

  test('an abort after close() ends what close() waits for', async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir, PATIENT)
    await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
    const controller = new AbortController()
    const failing = rejection(db.transaction(tx => tx.run(INSERT, 1), { signal: controller.signal }))
    await eventually(t, () => isHeld(dir))
    const closing = db.close({ timeout: 0 })
    controller.abort('enough')
    t.is(await failing, 'enough')
    await closing
  })

  test('a plain read waits for a program that has the database to itself, for as long as busyTimeout', async t => {
    const { dir } = await withForeign(t, 'BEGIN EXCLUSIVE')
    const db = openDb(t, dir, { busyTimeout: 30 })
    for (const read of [
      () => db.get('SELECT a FROM t'),
      () => db.all('SELECT a FROM t'),
      () => db.prepare('SELECT a FROM t'),
      () => db.iterate('SELECT a FROM t').next(),
      () => db.pragma('user_version')
    ])
      t.throws(read, { code: 'SQLITE_BUSY' })
  })

  test('a write waits for a program that writes for as long as busyTimeout, and is rejected with SQLITE_BUSY', async t => {
    const db = await withTable(t, tmpDir(t), { busyTimeout: 30 })
    const foreign = await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
    t.is((await rejection(db.run(INSERT, 1))).code, 'SQLITE_BUSY')
    t.is((await rejection(db.transaction(tx => tx.run(INSERT, 1)))).code, 'SQLITE_BUSY')
    foreign.child.stdin!.end()
    await foreign.ended()
    await db.run(INSERT, 2)
    t.deepEqual(values(db), [2])
  })

  test('a write that cannot begin its transaction has failed alone, and the next one begins it', async t => {
    const db = await withTable(t, tmpDir(t), { busyTimeout: 30 })
    const foreign = await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
    const use = async (tx: Transaction) => {
      const failed = await Promise.all([1, 2].map(n => rejection(tx.run(INSERT, n))))
      t.deepEqual(
        [...failed, await rejection(tx.savepoint(() => t.fail()))].map(error => error.code),
        ['SQLITE_BUSY', 'SQLITE_BUSY', 'SQLITE_BUSY']
      )
      t.true(tx.active)
    }
    await db.transaction(use)
    await inBegun(db, use)
    await db.transaction(async tx => {
      await use(tx)
      foreign.child.stdin!.end()
      await foreign.ended()
      await tx.run(INSERT, 3)
      await t.throwsAsync(tx.run(INSERT, 3))
    })
    t.deepEqual(values(db), [3])
  })

  /** Every plain read of a transaction. */
  const FIRST_READS: Record<string, (tx: Transaction, db: DB) => unknown> = {
    'get()': tx => tx.get('SELECT a FROM t'),
    'all()': tx => tx.all('SELECT a FROM t'),
    'iterate()': tx => tx.iterate('SELECT a FROM t').next(),
    'prepare()': tx => tx.prepare('SELECT a FROM t'),
    'pragma() of the DB': (_, db) => db.pragma('user_version'),
    'getRecord() of the DB': (_, db) => db.getRecord(1),
    'getAllRecords() of the DB': (_, db) => db.getAllRecords()
  }

  test('a plain read that cannot begin its transaction throws SQLITE_BUSY, and the next call begins it', async t => {
    const db = await withTable(t, tmpDir(t), PATIENT)
    for (const [name, read] of Object.entries(FIRST_READS)) {
      const foreign = await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
      await db.transaction(async tx => {
        t.throws(() => read(tx, db), { code: 'SQLITE_BUSY' }, name)
        t.true(tx.active)
        foreign.child.stdin!.end()
        await foreign.ended()
        await tx.run(INSERT, name)
        t.notThrows(() => read(tx, db), name)
      })
    }
    t.deepEqual(values(db), Object.keys(FIRST_READS))
  })

  test('a plain read begins its transaction: nobody else writes before that ends', async t => {
    const db = await withTable(t, tmpDir(t))
    for (const [name, read] of Object.entries(FIRST_READS)) {
      await db.transaction(async tx => {
        read(tx, db)
        t.is(await attempt(t, db.dbPath, "INSERT INTO t VALUES ('theirs')"), 'database is locked', name)
      })
    }
    t.deepEqual(values(db), [])
  })

  test('a migration begins before its function, and waits for a program that writes', async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir, PATIENT)
    const foreign = await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
    const migrated = db.migrate([{ id: 'a', up: tx => void tx.get('SELECT 1') }])
    await eventually(t, () => isHeld(dir))
    foreign.child.stdin!.end()
    t.deepEqual(await migrated, { applied: ['a'] })
  })

  test('a write that waits for a program goes on when that is done', async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir, PATIENT)
    const foreign = await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
    const gate = new Gate()
    const written = db.run(INSERT, 1).then(gate.open)
    await eventually(t, () => isHeld(dir))
    foreign.child.stdin!.end()
    await Promise.all([written, gate.opened])
    t.deepEqual(values(db), [1])
  })
}
