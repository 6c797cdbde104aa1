/** checkpoint(), and the WAL under steady writing. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { LockTimeout } from '../index.js'
import { eventually, rejection } from './helpers/block.ts'
import { runScript, spawnHolder } from './helpers/child.ts'
import { hasSql, stayIn } from './helpers/sqlite.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const walBytes = (dir: string) => statSync(join(dir, 'app.db-wal'), { throwIfNoEntry: false })?.size ?? 0

test('a checkpoint moves the WAL into the file, and says how far it got', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  t.deepEqual(await db.checkpoint(), { complete: true, walFrames: 0, checkpointedFrames: 0 }, 'no WAL yet')
  await db.createRecord('a', 1)
  const { complete, walFrames, checkpointedFrames } = await db.checkpoint()
  t.true(complete)
  t.true(walFrames > 0)
  t.is(checkpointedFrames, walFrames)
  t.true(walBytes(dir) > 0)
  for (const mode of ['FULL', 'RESTART'] as const) t.true((await db.checkpoint(mode)).complete)
  t.deepEqual(await db.checkpoint('TRUNCATE'), { complete: true, walFrames: 0, checkpointedFrames: 0 })
  t.is(walBytes(dir), 0)
  t.is(db.stats().walBytes, 0)
  t.is(db.getAllRecords().length, 1)
  t.false((await db.lockStatus()).locked)
})

test('PASSIVE waits for nobody; the other modes take the lock', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  const holder = await spawnHolder(t, dir)
  t.true((await db.checkpoint('PASSIVE')).complete)
  for (const mode of ['FULL', 'RESTART', 'TRUNCATE'] as const)
    t.true((await rejection(db.checkpoint(mode, { timeout: 5 }))) instanceof LockTimeout, mode)
  await holder.kill()
  t.true(await db.withWriteLock(async () => (await db.checkpoint('TRUNCATE')).complete))
})

test('a checkpoint in a transaction would wait for its end', async t => {
  const db = openDb(t)
  await db.transaction(async tx => {
    await tx.exec('CREATE TABLE t (a)')
    for (const mode of ['PASSIVE', 'TRUNCATE'] as const)
      t.is((await rejection(db.checkpoint(mode))).code, 'ERR_SQLOCK_DEADLOCK')
  })
})

test('a bad mode is refused', async t => {
  const error = await rejection((openDb(t) as any).checkpoint('full'))
  t.is(error.name, 'TypeError')
  t.true(error.message.includes('mode'))
})

if (hasSql) {
  test('a reader that stays on its snapshot keeps a checkpoint from its end, for as long as busyTimeout', async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir, { busyTimeout: 20 })
    await db.createRecord('a', 1)
    const reader = await stayIn(t, db.dbPath, 'BEGIN', 'SELECT * FROM records')
    await db.createRecord('b', 2)
    for (const mode of ['PASSIVE', 'FULL', 'TRUNCATE'] as const)
      t.false((await db.checkpoint(mode)).complete, mode)
    t.false((await db.lockStatus()).locked)
    reader.child.stdin!.end()
    await reader.ended()
    t.true((await db.checkpoint('TRUNCATE')).complete)
  })
}

test('the WAL stays bounded while several processes write all the time', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  let most = 0
  const look = setInterval(() => (most = Math.max(most, walBytes(dir))), 2)
  const script = `
    const db = new DB(dir + '/app.db', { timeout: Infinity });
    const text = 'x'.repeat(1000);
    (async () => {
      for (let round = 0; round < 60; round++)
        await Promise.all(Array.from({ length: 50 }, (_, n) => db.createRecord(text, n)));
      for (let n = 0; n < 300; n++) await db.createRecord(text, n);
      await db.close();
    })()`
  const outcomes = await Promise.all(Array.from({ length: 3 }, () => runScript(t, dir, script)))
  clearInterval(look)
  for (const { code, stderr } of outcomes) t.is(code, 0, stderr)
  t.is(db.getAllRecords().length, 3 * 3300 + 1)
  t.log(`${(most / 2 ** 20).toFixed(1)} MB at most`)
  t.true(most < 32 << 20, `${most} bytes`)
})

test('commits of one process have the WAL looked after in the background', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  for (let n = 0; n < 250; n++) await db.createRecord('a', n)
  const locker = openLocker(t, dir)
  await locker.acquire()
  // Nobody writes, so what is moved now was moved in the background, or else by nobody.
  await eventually(t, async () => {
    const { checkpointedFrames } = await db.checkpoint('PASSIVE')
    return checkpointedFrames > 0
  })
  t.true(db.stats().commits >= 250)
})
