/** stats() and maxQueue. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { eventually, rejection } from './helpers/block.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('stats() counts writes, commits and timeouts', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const none = { p50: 0, p99: 0, max: 0 }
  const nothing = {
    writes: 0,
    commits: 0,
    lockTimeouts: 0,
    queue: 0,
    lockWait: none,
    lockHold: none,
    walBytes: 0,
    changes: null
  }
  t.deepEqual(db.stats(), nothing)
  await db.exec('CREATE TABLE t (a UNIQUE)')
  await Promise.allSettled([1, 2, 2].map(a => db.run('INSERT INTO t VALUES (?)', a)))
  await db.batch(['INSERT INTO t VALUES (3)', 'INSERT INTO t VALUES (4)'])
  await db.transaction(async tx => {
    await tx.run('INSERT INTO t VALUES (5)')
    await tx.run('INSERT INTO t VALUES (6)')
  })
  const { writes, commits, lockTimeouts, walBytes, lockHold } = db.stats()
  t.is(writes, 7)
  t.true(commits >= 4 && commits <= 5, `${commits}`)
  t.is(lockTimeouts, 0)
  t.is(walBytes, statSync(join(dir, 'app.db-wal')).size)
  t.true(lockHold.p50 > 0 && lockHold.p50 <= lockHold.p99 && lockHold.p99 <= lockHold.max)
})

test('stats() tells what waits and how long, and what gave up', async t => {
  const dir = tmpDir(t)
  const [db, locker] = [openDb(t, dir, { timeout: Infinity }), openLocker(t, dir)]
  await db.createRecord('a', 1)
  await locker.acquire()
  const waiting = [1, 2, 3].map(n => db.createRecord('b', n))
  await eventually(t, () => db.stats().queue === 3)
  await rejection(db.run({ sql: 'INSERT INTO records VALUES (9, 9, 9)', timeout: 15 }))
  await rejection(db.transaction(() => {}, { timeout: 15 }))
  t.is(db.stats().lockTimeouts, 2)
  await locker.unlock()
  await Promise.all(waiting)
  const { queue, lockWait } = db.stats()
  t.is(queue, 0)
  t.true(lockWait.max >= 15, `${lockWait.max}`)
})

test('more than maxQueue writes that wait are refused; none that do not', async t => {
  const dir = tmpDir(t)
  const [db, locker] = [openDb(t, dir, { maxQueue: 5, timeout: Infinity }), openLocker(t, dir)]
  await db.createRecord('a', 0)
  await locker.acquire()
  const first = db.createRecord('a', 1)
  await eventually(t, () => db.stats().queue === 1)
  const outcomes = [2, 3, 4, 5, 6, 7].map(n => db.createRecord('a', n))
  const refused = await Promise.all(outcomes.slice(4).map(rejection))
  t.deepEqual(
    refused.map(error => error.code),
    ['ERR_SQLOCK_QUEUE_FULL', 'ERR_SQLOCK_QUEUE_FULL']
  )
  t.true(refused[0].stack.includes('db.stats.spec.ts'))
  await locker.unlock()
  await Promise.all([first, ...outcomes.slice(0, 4)])
  await db.withWriteLock(() => Promise.all(Array.from({ length: 20 }, (_, n) => db.createRecord('held', n))))
  t.is(db.getAllRecords().length, 26)
})

test('maxQueue counts transactions and holds that wait, one each', async t => {
  const dir = tmpDir(t)
  const [db, locker] = [openDb(t, dir, { maxQueue: 3, timeout: Infinity }), openLocker(t, dir)]
  await db.createRecord('a', 0)
  await locker.acquire()
  const waiting = [
    db.transaction(() => 1),
    db.withWriteLock(() => 2),
    db.begin().then(tx => tx.rollback())
  ] as Promise<unknown>[]
  t.is(db.stats().queue, 3)
  for (const refused of [
    db.transaction(() => t.fail()),
    db.withWriteLock(() => t.fail()),
    db.begin(),
    db.createRecord('a', 1),
    db.checkpoint('FULL')
  ]) {
    t.is((await rejection(refused)).code, 'ERR_SQLOCK_QUEUE_FULL')
  }
  await locker.unlock()
  await Promise.all(waiting)
  t.is(db.stats().queue, 0)
})

test('a bad maxQueue is refused', t => {
  for (const maxQueue of [0, -1, 1.5, NaN, '5', null]) {
    t.throws(() => openDb(t, tmpDir(t), { maxQueue } as any), { message: /maxQueue/ })
  }
})
