/** What is garbage-collected while it holds. */
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { DB, WriteLocker } from '../index.js'
import { eventually } from './helpers/block.ts'
import { lockText, openLocker, tmpDir } from './helpers/tmp.ts'

const collect = global.gc as () => void

test.serial('a locker that is collected while it holds stays held and warns', async t => {
  const dir = tmpDir(t)
  const warnings: any[] = []
  process.once('warning', warning => warnings.push(warning))
  await (async () => void (await new WriteLocker(dir).acquire()))()
  const text = lockText(dir)
  await eventually(t, () => (collect(), warnings.length > 0))
  t.is(warnings[0].code, 'SQLOCK_LOST_LOCKER')
  t.is(lockText(dir), text)
  t.true((await openLocker(t, dir).status()).locked)
})

test.serial('a guard keeps its locker alive', async t => {
  const dir = tmpDir(t)
  let seen = false
  process.once('warning', () => (seen = true))
  const guard = await new WriteLocker(dir).acquire()
  for (let n = 0; n < 20; n++) {
    collect()
    await turn()
  }
  t.false(seen)
  await guard.release()
  t.is(lockText(dir), '')
})

test.serial('locking, writing and timing out do not leak', async t => {
  const dir = tmpDir(t)
  const db = new DB(`${dir}/app.db`)
  const [locker, other] = [openLocker(t, dir), openLocker(t, dir)]
  const round = async (n: number) => {
    for (let i = 0; i < n; i++) {
      await db.createRecord('a', i)
      const guard = await locker.acquire()
      await other.acquire(0).catch(() => {})
      const next = other.acquire(Infinity)
      await guard.release()
      await (await next).release()
    }
    for (let i = 0; i < 20 * n; i++) await (await locker.acquire()).release()
    for (let i = 0; i < 5; i++) {
      collect()
      await turn()
    }
    return process.memoryUsage().heapUsed
  }
  await round(300)
  const before = await round(100)
  const after = await round(600)
  t.log(`heap: ${(before / 1e6).toFixed(2)} MB before, ${(after / 1e6).toFixed(2)} MB after`)
  t.true(after - before < 1e6)
  await db.close()
})
