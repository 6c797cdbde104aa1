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
