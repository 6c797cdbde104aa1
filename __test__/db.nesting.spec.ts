/** What runs in a transaction: savepoints, holds, other databases. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { DB } from '../index.js'
import { rejection } from './helpers/block.ts'
import { INSERT, values, withTable } from './helpers/table.ts'
import { lockSize, lockText, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('a nested transaction is a savepoint: its failure undoes only itself', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    await tx.run(INSERT, 1)
    await t.throwsAsync(
      db.transaction(async inner => {
        await inner.run(INSERT, 2)
        await db.run(INSERT, 3)
        throw new Error('undone')
      })
    )
    await db.transaction(() => db.transaction(innermost => innermost.run(INSERT, 4)))
    await tx.run(INSERT, 5)
  })
  t.deepEqual(values(db), [1, 4, 5])
})

test('savepoints that are issued together run one after another, each undone by itself', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    let running = 0
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4].map(n =>
        tx.savepoint(async inner => {
          t.is(++running, 1)
          await inner.run(INSERT, n)
          await delay(1)
          await inner.run(INSERT, n * 10)
          running--
          if (n % 2) throw new Error('undone')
        })
      )
    )
    t.deepEqual(
      outcomes.map(outcome => outcome.status),
      ['rejected', 'fulfilled', 'rejected', 'fulfilled']
    )
  })
  t.deepEqual(values(db), [2, 20, 4, 40])
})

test('the outer transaction used in its own savepoint is a deadlock, told at once', async t => {
  const db = await withTable(t)
  await db.transaction(tx =>
    tx.savepoint(async inner => {
      for (const use of [
        () => tx.run(INSERT, 1),
        () => tx.exec(''),
        () => tx.savepoint(() => {}),
        () => tx.commit(),
        () => tx.rollback()
      ])
        t.is((await rejection(use())).code, 'ERR_SQLOCK_DEADLOCK')
      t.throws(() => tx.get('SELECT 1'), { code: 'ERR_SQLOCK_DEADLOCK' })
      await inner.savepoint(async () => {
        t.is((await rejection(inner.run(INSERT, 1))).code, 'ERR_SQLOCK_DEADLOCK')
        t.is((await rejection(tx.run(INSERT, 1))).code, 'ERR_SQLOCK_DEADLOCK')
      })
    })
  )
  t.deepEqual(values(db), [])
})

test('another DB object on the same file would wait for itself; one on another file runs under the hold', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const same = openDb(t, dir)
  const other = new DB(join(dir, 'other.db'))
  t.teardown(() => other.close())
  await db.transaction(async tx => {
    for (const use of [
      () => same.run(INSERT, 1),
      () => same.transaction(() => {}),
      () => same.begin(),
      () => same.withWriteLock(() => same.run(INSERT, 1))
    ])
      t.is((await rejection(use())).code, 'ERR_SQLOCK_DEADLOCK')
    t.deepEqual(same.all('SELECT a FROM t'), [], 'a plain read waits for nobody')
    await other.createRecord('a', 1)
    await other.transaction(async () => {
      await other.createRecord('b', 2)
      await db.run(INSERT, 2)
      await tx.run(INSERT, 3)
    })
  })
  t.deepEqual(values(db), [2, 3])
  t.is(other.getAllRecords().length, 2)
})

test('withWriteLock in a transaction runs in it; a transaction in withWriteLock runs under its hold', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  await t.throwsAsync(
    db.transaction(async () => {
      await db.withWriteLock(() => db.run(INSERT, 1))
      throw new Error('undone')
    })
  )
  t.deepEqual(values(db), [])
  await db.withWriteLock(async () => {
    const text = lockText(dir)
    const failing = db.transaction(async tx => {
      await tx.run(INSERT, 2)
      throw new Error('undone')
    })
    await Promise.allSettled([failing, db.run(INSERT, 3), db.transaction(tx => tx.run(INSERT, 4))])
    t.is(lockText(dir), text, 'one hold throughout')
  })
  t.deepEqual(values(db), [3, 4])
  t.is(lockSize(dir), 0)
})

test('unlock() in withLock leaves the transaction that is open under it alone', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const locker = openLocker(t, dir)
  await locker.withLock(() =>
    db.transaction(async tx => {
      await tx.run(INSERT, 1)
      await locker.unlock()
      await tx.run(INSERT, 2)
    })
  )
  await db.run(INSERT, 3)
  t.deepEqual(values(openDb(t, dir)), [1, 2, 3])
})
