/** begin(): a transaction that is a handle. */
import test from 'ava'
import { LockTimeout } from '../index.js'
import type { Transaction } from '../index.js'
import { rejection } from './helpers/block.ts'
import { fillPool } from './helpers/pool.ts'
import { INSERT, values, withTable } from './helpers/table.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('begin() sets no scope: only the calls of its handle belong to it', async t => {
  const db = await withTable(t)
  const tx = await db.begin()
  t.true(tx.active)
  await tx.run(INSERT, 'in it')
  const timeout = await rejection(db.run({ sql: INSERT, params: ['outside'], timeout: 20 }))
  t.true(timeout instanceof LockTimeout)
  t.true(timeout.holder.startsWith(`pid:${process.pid}`))
  await tx.savepoint(() => db.run(INSERT, 'of the savepoint'))
  await tx.commit()
  t.false(tx.active)
  t.deepEqual(values(db), ['in it', 'of the savepoint'])
  t.is((await rejection(tx.commit())).code, 'ERR_SQLOCK_NOT_HELD')
  t.is((await rejection(tx.run(INSERT, 1))).code, 'ERR_SQLOCK_NOT_HELD')
  await tx.rollback()
})

test('a transaction that is left to `await using` is rolled back', async t => {
  const db = await withTable(t)
  const tx = await db.begin()
  await tx.run(INSERT, 1)
  void tx.run(INSERT, 1)
  await tx[Symbol.asyncDispose]()
  t.false(tx.active)
  t.deepEqual(values(db), [])
  t.false((await db.lockStatus()).locked)
})

test('a transaction that begin() has left open in a scope is rolled back with it', async t => {
  const db = await withTable(t)
  const handles: Transaction[] = []
  await db.transaction(async tx => {
    await tx.run(INSERT, 1)
    const inner = await db.begin()
    handles.push(inner)
    await inner.run(INSERT, 2)
  })
  t.deepEqual(values(db), [1])
  await db.withWriteLock(async () => {
    const inner = await db.begin()
    handles.push(inner)
    await inner.run(INSERT, 3)
    t.true((await rejection(db.run({ sql: INSERT, params: [4], timeout: 10 }))) instanceof LockTimeout)
  })
  await db.run(INSERT, 5)
  t.deepEqual(values(db), [1, 5])
  for (const handle of handles) t.is((await rejection(handle.run(INSERT, 6))).code, 'ERR_SQLOCK_NOT_HELD')
})

test('a begin() in a transaction that nobody awaits is rolled back with the others', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    void db.begin()
    void db.begin().then(inner => inner.run(INSERT, 'undone').catch(() => {}))
    void db.begin()
    await Promise.resolve()
    void tx.active
  })
  await db.run(INSERT, 2)
  t.deepEqual(values(db), [2])
})

test('who waits behind a transaction that was left open is told by whom: label and age', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir, { lock: { label: 'forgotten', longHoldMs: 1 } })
  const warning = new Promise<any>(resolve => {
    const heed = (warned: any) => warned.code === 'SQLOCK_LONG_HOLD' && resolve(warned)
    process.on('warning', heed)
    t.teardown(() => process.off('warning', heed))
  })
  const tx = await db.begin()
  const error = await rejection(db.run({ sql: INSERT, params: [1], timeout: 30 }))
  t.is(error.holderInfo.label, 'forgotten')
  t.true(error.holderInfo.ageMs >= 20)
  t.true((await warning).detail.includes('db.begin.spec.ts'))
  await tx.rollback()
})

test('a begin() ends with the scope it was issued in', async t => {
  const db = await withTable(t)
  for (const around of [
    (fn: () => Promise<void>) => db.withWriteLock(fn),
    (fn: () => Promise<void>) => db.transaction(fn)
  ]) {
    await around(async () => {
      const left = await db.withWriteLock(async () => {
        const tx = await db.begin()
        await tx.run(INSERT, 'left open')
        return tx
      })
      t.false(left.active)
      await db.run('DELETE FROM t')
    })
    t.deepEqual(values(db), [])
  }
})

/** The BEGIN that came after the end of its hold was ended by nobody: SQLite's own lock stayed, and db.lock was free. */
test('unlock() while a BEGIN is on its way leaves nothing open', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const locker = openLocker(t, dir)
  const busy = fillPool()
  await locker.withLock(async () => {
    const begun = db.begin().catch(error => error)
    for (let n = 0; n < 20; n++) await Promise.resolve()
    await locker.unlock()
    await begun
  })
  await openDb(t, dir).run(INSERT, 1)
  await db.run(INSERT, 2)
  t.deepEqual(values(db), [1, 2])
  await busy
})

test('close() rejects a begin() that is on its way, and rolls back what has begun', async t => {
  for (const ticks of [0, 3, 6, 10, 20]) {
    const db = await withTable(t)
    const begun = db.begin().then(
      tx => ({ active: tx.active, tx }),
      error => error.code
    )
    for (let n = 0; n < ticks; n++) await Promise.resolve()
    await db.close()
    const outcome: any = await begun
    if (ticks === 0) t.is(outcome, 'ERR_SQLOCK_CLOSED')
    if (outcome !== 'ERR_SQLOCK_CLOSED') t.false(outcome.tx.active)
  }
})
