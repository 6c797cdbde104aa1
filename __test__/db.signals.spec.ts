/** Signals that are none of Node's. */
import test from 'ava'
import type { DB, WriteLocker } from '../index.js'
import { rejection } from './helpers/block.ts'
import { INSERT, values, withTable } from './helpers/table.ts'
import { openLocker, tmpDir } from './helpers/tmp.ts'

/** Every call that takes a signal. */
const WITH_SIGNAL: [string, (db: DB, locker: WriteLocker, signal: AbortSignal) => Promise<unknown>][] = [
  ['run', (db, _, signal) => db.run({ sql: INSERT, params: [1], signal })],
  ['exec', (db, _, signal) => db.exec({ sql: 'INSERT INTO t VALUES (1)', signal })],
  ['batch', (db, _, signal) => db.batch(['INSERT INTO t VALUES (1)'], { signal })],
  ['getAsync', (db, _, signal) => db.getAsync({ sql: 'SELECT a FROM t', signal })],
  ['iterateAsync', async (db, _, signal) => db.iterateAsync({ sql: 'SELECT a FROM t', signal }).next()],
  ['withWriteLock', (db, _, signal) => db.withWriteLock(() => db.run(INSERT, 1), { signal })],
  ['transaction', (db, _, signal) => db.transaction(tx => tx.run(INSERT, 1), { signal })],
  ['begin', async (db, _, signal) => (await db.begin({ signal })).rollback()],
  ['migrate', (db, _, signal) => db.migrate([{ id: '1', up: 'CREATE TABLE u (a)' }], { signal })],
  ['checkpoint', (db, _, signal) => db.checkpoint('FULL', { signal })],
  ['backup', (db, _, signal) => db.backup(`${db.dbPath}.copy`, { signal })],
  ['withLock', (_db, locker, signal) => locker.withLock(() => 1, { signal })],
  ['acquire', async (_db, locker, signal) => (await locker.acquire({ signal })).release()]
]
for (const [name, call] of WITH_SIGNAL) {
  // A transaction had begun when its signal threw, and nobody ended it: the lock stayed held, and close() never settled.
  test(`${name} with a signal that cannot be listened to has begun nothing`, async t => {
    const dir = tmpDir(t)
    const [db, locker] = [await withTable(t, dir), openLocker(t, dir)]
    const deaf = new Error('deaf')
    const addEventListener = () => {
      throw deaf
    }
    for (let n = 0; n < 2; n++) {
      t.is(await rejection(call(db, locker, { aborted: false, addEventListener } as any)), deaf)
    }
    t.deepEqual(values(db), [])
    t.false((await locker.status()).locked)
    await db.close()
  })

  test(`${name} takes a signal of another make`, async t => {
    const dir = tmpDir(t)
    const [db, locker] = [await withTable(t, dir), openLocker(t, dir)]
    const gone = { aborted: true, reason: 'gone', addEventListener() {} }
    t.is(await rejection(call(db, locker, gone as any)), 'gone')
    await t.notThrowsAsync(call(db, locker, { aborted: false, addEventListener() {} } as any))
  })
}

/** Its getter threw after BEGIN, and the lock stayed held until the process ended. */
for (const [name, call] of WITH_SIGNAL) {
  test(`${name} with a signal whose properties throw sooner or later keeps no lock`, async t => {
    const dir = tmpDir(t)
    const [db, locker] = [await withTable(t, dir), openLocker(t, dir)]
    for (let reads = 0; reads < 8; reads++) {
      let left = reads
      const signal = {
        get aborted() {
          if (left-- <= 0) throw new Error('of the signal')
          return false
        },
        get reason() {
          throw new Error('of the reason')
        },
        addEventListener() {}
      }
      const told = await call(db, locker, signal as any).catch(error => error)
      if (told instanceof Error) t.regex(told.message, /of the signal|already exists/)
      t.false((await locker.status()).locked, `${reads} reads`)
      await db.run({ sql: 'DELETE FROM t', timeout: 5000 })
    }
    await db.close()
  })

  test(`${name} rejects with what the reason of its signal throws`, async t => {
    const dir = tmpDir(t)
    const [db, locker] = [await withTable(t, dir), openLocker(t, dir)]
    const thrown = new Error('of the reason')
    const gone = {
      aborted: true,
      get reason() {
        throw thrown
      },
      addEventListener() {}
    }
    t.is(await rejection(call(db, locker, gone as any)), thrown)
    t.deepEqual(values(db), [])
    t.false((await locker.status()).locked)
  })
}

/** Between BEGIN and the first look at the signal an abort was lost, and the transaction committed. */
const WITH_TRANSACTION: [string, (db: DB, signal: AbortSignal) => Promise<unknown>][] = [
  ['transaction', (db, signal) => db.transaction(tx => tx.run(INSERT, 1), { signal })],
  ['savepoint', (db, signal) => db.transaction(() => db.transaction(tx => tx.run(INSERT, 1), { signal }))],
  [
    'transaction in withWriteLock',
    (db, signal) => db.withWriteLock(() => db.transaction(tx => tx.run(INSERT, 1), { signal }))
  ]
]
for (const [name, call] of WITH_TRANSACTION) {
  test(`an abort of a ${name} in the microtask after a look at its signal rolls it back`, async t => {
    const db = await withTable(t)
    for (let look = 1; look <= 6; look++) {
      let reads = 0
      const signal = Object.assign(new EventTarget(), { aborted: false, reason: 'enough' })
      const abort = () => {
        Object.defineProperty(signal, 'aborted', { value: true })
        signal.dispatchEvent(new Event('abort'))
      }
      Object.defineProperty(signal, 'aborted', {
        configurable: true,
        get() {
          if (++reads === look) queueMicrotask(abort)
          return false
        }
      })
      const told = await call(db, signal as any).catch(reason => reason)
      if (reads >= look) t.is(told, 'enough', `look ${look}`)
      t.deepEqual(values(db), reads >= look ? [] : [1], `look ${look}`)
      await db.run('DELETE FROM t')
    }
  })
}
