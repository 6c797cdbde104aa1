/** Closing a database. */
import { existsSync } from 'node:fs'
import test from 'ava'
import { DB } from '../index.js'
import { Gate, mustBlock, rejection } from './helpers/block.ts'
import { spawnHolder } from './helpers/child.ts'
import { fillPool } from './helpers/pool.ts'
import { INSERT, withTable } from './helpers/table.ts'
import { lockSize, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('after close() every call says so', async t => {
  const db = openDb(t)
  await db.createRecord('a', 1)
  await db.close()
  t.false(db.open)
  const closed = { code: 'ERR_SQLOCK_CLOSED', name: 'SqlockError' }
  t.throws(() => db.getRecord(1), closed)
  t.throws(() => db.getAllRecords(), closed)
  t.throws(() => db.pragma('user_version'), closed)
  await t.throwsAsync(db.createRecord('a', 1), closed)
  await t.throwsAsync(db.updateRecord(1, 1), closed)
  await t.throwsAsync(
    db.withWriteLock(() => t.fail()),
    closed
  )
  await t.throwsAsync(db.lockStatus(), closed)
})

test('close() may be called twice, and need not be awaited', async t => {
  const db = openDb(t)
  db.close()
  await db.close()
  await db.close()
  t.false(db.open)
})

test('writes that were issued before close() are written', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const writes = Array.from({ length: 50 }, (_, n) => db.createRecord('a', n))
  const closed = db.close()
  t.is((await rejection(db.createRecord('late', 1))).code, 'ERR_SQLOCK_CLOSED')
  t.is((await Promise.all(writes)).length, 50)
  await closed
  t.is(openDb(t, dir).getAllRecords().length, 50)
})

test('close() waits for a running callback, which finishes with its own calls', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const gate = new Gate()
  const running = db.withWriteLock(async () => {
    await gate.opened
    const id = await db.createRecord('a', 1)
    return [db.getRecord(id)?.name, (await db.lockStatus()).locked]
  })
  const unblocked = await mustBlock(t, db.close())
  gate.open()
  t.deepEqual(await running, ['a', true])
  await unblocked()
  t.is(lockSize(dir), 0)
})

test('close() waits for a write that waits for the lock', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir, { timeout: 10_000 })
  const guard = await openLocker(t, dir).acquire()
  const write = db.createRecord('a', 1)
  const unblocked = await mustBlock(t, db.close())
  await guard.release()
  await unblocked()
  t.is(await write, 1)
})

test('close() with a timeout rejects what has not got the lock by then', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir, { timeout: Infinity })
  await db.createRecord('a', 0)
  const guard = await openLocker(t, dir).acquire()
  const waiting = [db.createRecord('a', 1), db.transaction(() => t.fail()), db.run('DELETE FROM records')]
  const outcomes = Promise.all(waiting.map(rejection))
  await db.close({ timeout: 10 })
  for (const error of await outcomes) t.is(error.code, 'ERR_SQLOCK_CLOSED')
  await guard.release()
  t.is(openDb(t, dir).getAllRecords().length, 1)
  t.is((await rejection((db as any).close({ timeout: -1 }))).name, 'RangeError')
})

test('close() with a timeout rejects what waits, also when no worker has had time for it', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const holder = await spawnHolder(t, dir)
  const busy = fillPool()
  const waiting = rejection(db.run({ sql: INSERT, params: [1], timeout: Infinity }))
  await db.close({ timeout: 0 })
  t.is((await waiting).code, 'ERR_SQLOCK_CLOSED')
  await Promise.all([busy, holder.kill()])
})

// A timer of Node that is given more than 2^31 - 1 ms fires after one.
for (const timeout of [2 ** 31, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE]) {
  test(`close() with a timeout of ${timeout} ms waits for the lock`, async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir, { timeout: Infinity })
    const guard = await openLocker(t, dir).acquire()
    const write = db.createRecord('a', 1)
    const unblocked = await mustBlock(t, db.close({ timeout }))
    await guard.release()
    await unblocked()
    t.is(await write, 1)
  })
}

test('close() rolls back a transaction of begin(), and lets one of a function finish', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const begun = await db.begin()
  await begun.run('CREATE TABLE t (a)')
  const gate = new Gate()
  const running = db.transaction(
    async tx => {
      await gate.opened
      await tx.exec('CREATE TABLE u (a)')
      await db.run('INSERT INTO u VALUES (1)')
      await (await db.begin()).commit()
      t.is((await rejection(db.close())).code, 'ERR_SQLOCK_DEADLOCK')
    },
    { timeout: Infinity }
  )
  const unblocked = await mustBlock(t, db.close())
  t.is((await rejection(begun.run('INSERT INTO t VALUES (1)'))).code, 'ERR_SQLOCK_NOT_HELD')
  t.is((await rejection(db.begin())).code, 'ERR_SQLOCK_CLOSED')
  gate.open()
  await Promise.all([running, unblocked()])
  const left = openDb(t, dir).all("SELECT name FROM sqlite_schema WHERE type = 'table'")
  t.deepEqual(left, [{ name: 'u' }])
})

test('writes under the hold of a locker that were issued before close() are written', async t => {
  const dir = tmpDir(t)
  const [db, locker] = [openDb(t, dir), openLocker(t, dir)]
  const ids = await locker.withLock(() => {
    const writes = [1, 2, 3].map(n => db.createRecord('a', n))
    void db.close()
    return Promise.all(writes)
  })
  t.deepEqual(ids, [1, 2, 3])
})

test('the last one to close leaves no -wal and no -shm', async t => {
  const dir = tmpDir(t)
  const [first, second] = [openDb(t, dir), openDb(t, dir)]
  await first.createRecord('a', 1)
  t.is(second.getRecord(1)?.value, 1)
  await first.close()
  t.true(existsSync(`${first.dbPath}-wal`))
  await second.close()
  t.false(existsSync(`${first.dbPath}-wal`))
  t.false(existsSync(`${first.dbPath}-shm`))
})

test('await using closes', async t => {
  const dir = tmpDir(t)
  let outer: DB
  {
    await using db = new DB(`${dir}/app.db`)
    await db.createRecord('a', 1)
    outer = db
  }
  t.false(outer.open)
})
