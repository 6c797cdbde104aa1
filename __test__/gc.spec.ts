/** What is garbage-collected while it holds. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { DB, WriteLocker } from '../index.js'
import { Gate, eventually } from './helpers/block.ts'
import { runScript } from './helpers/child.ts'
import { posixSerial } from './helpers/posix.ts'
import { lockText, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const collect = global.gc as () => void
const descriptors = () => readdirSync('/dev/fd').length

posixSerial('open')('a locker that is collected while it holds stays held and warns', async t => {
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

test.serial('scopes that schedule the next one do not pile up', async t => {
  const db = openDb(t)
  const other = openLocker(t)
  // As long as a scope lives, the async context of each callback is kept.
  const gate = new Gate()
  const living = other.withLock(() => gate.opened)
  const rounds = (count: number) =>
    new Promise<void>(resolve => {
      const next = (n: number) =>
        void db.withWriteLock(() => void setImmediate(n > 0 ? () => next(n - 1) : resolve))
      next(count)
    })
  const heap = () => (collect(), process.memoryUsage().heapUsed)
  await rounds(500)
  const before = heap()
  await rounds(5000)
  const after = heap()
  t.log(`heap: ${(before / 1e6).toFixed(2)} MB before, ${(after / 1e6).toFixed(2)} MB after`)
  t.true(after - before < 5e5)
  gate.open()
  await living
})

test.serial('many directories take a bounded number of descriptors', async t => {
  const dir = tmpDir(t)
  const before = descriptors()
  for (let n = 0; n < 150; n++) {
    const db = openDb(t, join(dir, String(n)))
    await db.createRecord('a', n)
    await new WriteLocker(db.baseDir).withLock(() => {})
    await db.close()
  }
  const lockers = Array.from({ length: 150 }, (_, n) => new WriteLocker(join(dir, String(n))))
  for (const locker of lockers) await locker.withLock(() => {})
  t.log(`${before} before, ${descriptors()} after`)
  t.true(descriptors() - before < 100)
  await openDb(t).close()
  t.true(descriptors() - before < 10)
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

test.serial(
  '10,000 databases and lockers, opened, locked and closed, and 1,000 timeouts leave nothing behind',
  async t => {
    const script = `
    const count = name => { try { return require('fs').readdirSync('/proc/self/' + name).length } catch { return 0 } };
    const left = () => ({ descriptors: count('fd'), threads: count('task'), bytes: process.memoryUsage.rss() });
    const cycles = async times => {
      for (let n = 0; n < times; n++) {
        const db = new DB(dir + '/app.db');
        if (n % 10 === 0) await db.createRecord('a', n);
        else await db.withWriteLock(() => {});
        await db.close();
        await (await new WriteLocker(dir).acquire()).release();
      }
    };
    const timeouts = async times => {
      const guard = await new WriteLocker(dir).acquire();
      const locker = new WriteLocker(dir);
      for (let n = 0; n < times; n++) await locker.acquire(1).then(() => { throw Error('granted') }, () => {});
      await guard.release();
    };
    (async () => {
      await cycles(2000);
      await timeouts(100);
      const before = left();
      await cycles(8000);
      await timeouts(900);
      let after = left();
      // The threads of a contended lock stay for a moment.
      for (let n = 0; n < 500 && after.threads > before.threads; n++) {
        await new Promise(resolve => setTimeout(resolve, 10));
        after = left();
      }
      console.log(JSON.stringify({ before, after }))
    })()`
    const { code, stdout, stderr } = await runScript(t, tmpDir(t), script)
    t.is(code, 0, stderr)
    const { before, after } = JSON.parse(stdout)
    t.log(`before: ${JSON.stringify(before)}, after: ${JSON.stringify(after)}`)
    t.true(after.descriptors <= before.descriptors + 2)
    t.true(after.threads <= before.threads)
    // V8 gives itself some more room meanwhile; a database that stayed would take 100 KB each time.
    t.true(after.bytes - before.bytes < 4e7)
  }
)

test.serial('nothing is kept of the writes and transactions that have resolved', async t => {
  const db = openDb(t)
  await db.exec('CREATE TABLE t (a)')
  const write = async () => {
    await db.run('INSERT INTO t VALUES (length(?))', Buffer.alloc(500_000))
    await db.transaction(tx => tx.run('INSERT INTO t VALUES (length(?))', Buffer.alloc(500_000)))
  }
  const bytes = () => (collect(), process.memoryUsage().arrayBuffers)
  await write()
  const before = bytes()
  for (let n = 0; n < 30; n++) await write()
  // What V8 frees, the process may be told a moment later.
  await eventually(t, () => bytes() - before < 5e6)
  t.pass()
})
