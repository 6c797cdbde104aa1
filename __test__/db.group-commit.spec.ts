/** I2: writes that are under way together share a lock, a COMMIT and nothing else. */
import { pbkdf2 } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import test from 'ava'
import { LockTimeout } from '../index.js'
import { rejection, timed } from './helpers/block.ts'
import { has, prelude, run, runScript, spawnHolder } from './helpers/child.ts'
import { hasSql, sql } from './helpers/sqlite.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('20,000 writes at once all succeed, in the order of their calls', async t => {
  const db = openDb(t)
  const ids = await Promise.all(Array.from({ length: 20_000 }, (_, n) => db.createRecord(`n${n}`, n)))
  t.deepEqual(
    ids,
    Array.from({ length: 20_000 }, (_, n) => n + 1)
  )
  t.deepEqual(db.getRecord(12_345), { id: 12_345, name: 'n12344', value: 12_344 })
})

test('values of a burst are the ones of their calls', async t => {
  const db = openDb(t, tmpDir(t), { integers: 'auto' })
  const values = [0, -1, 2 ** 32, -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 63n - 1n, -(2n ** 63n)]
  const names = ['', 'é☃😀', '\0', 'x'.repeat(3000), 'y'.repeat(1023) + '☃']
  const writes = values.flatMap(value => names.map(name => ({ name, value })))
  const ids = await Promise.all(writes.map(({ name, value }) => db.createRecord(name, value)))
  await Promise.all(ids.map((id, n) => (n % 3 ? undefined : db.updateRecord(id, values[n % 8] as number))))
  for (const [n, { name, value }] of writes.entries()) {
    t.deepEqual(db.getRecord(ids[n] as number), {
      id: n + 1,
      name,
      value: n % 3 ? value : (values[n % 8] as number)
    })
  }
})

test('a burst that takes longer than the timeout succeeds on a lock that is free', async t => {
  const db = openDb(t, tmpDir(t), { timeout: 5 })
  const ids = await Promise.all(Array.from({ length: 30_000 }, (_, n) => db.createRecord('a', n)))
  t.is(new Set(ids).size, 30_000)
})

test('200,000 writes in the queue are all written, for less than a GB of memory', async t => {
  const dir = tmpDir(t)
  const script = `
    const db = new DB(dir + '/app.db');
    (async () => {
      await db.createRecord('first', 0);
      const idle = process.resourceUsage().maxRSS;
      const ids = await Promise.all(Array.from({ length: 200000 }, (_, n) => db.createRecord('name', n)));
      const kb = process.resourceUsage().maxRSS - idle;
      await db.close();
      console.log(JSON.stringify({ kb, inOrder: ids.every((id, n) => id === n + 2) }));
    })()`
  const { stdout, stderr } = await runScript(t, dir, script)
  t.true(stdout.startsWith('{'), stderr)
  const { kb, inOrder } = JSON.parse(stdout)
  t.true(inOrder)
  t.is(openDb(t, dir).getAllRecords().length, 200_001)
  t.log(`${(kb / 1024).toFixed(0)} MB above idle`)
  t.true(kb < 1024 * 1024, 'not kilobytes for each')
})

test('a hold gets in between the writes that were called before it and those after', async t => {
  const dir = tmpDir(t)
  // A hold of a locker restarts no timeout of a write, and lasts as long as the busy event loop lets it.
  const db = openDb(t, dir, { timeout: 20_000 })
  const locker = openLocker(t, dir)
  const burst = () => Array.from({ length: 10_000 }, (_, n) => db.createRecord('burst', n))
  const early = burst()
  const between = locker.withLock(() => db.getAllRecords().length, Infinity)
  const late = burst()
  const there = await between
  // Some that were called later may have joined a batch that waited.
  t.true(there >= 10_000 && there < 20_000, `${there}`)
  await Promise.all([...early, ...late])
})

test('writes resolve in the order of their calls, whichever thread has written them', async t => {
  const db = openDb(t, tmpDir(t), { timeout: 20_000 })
  const resolved: number[] = []
  for (let round = 0; round < 100; round++) {
    // A pool that is full now and then leaves some batches to the thread that waits for the lock.
    for (let n = 0; n < 4; n++) pbkdf2('a', 'b', 30_000, 64, 'sha512', () => {})
    const calls = []
    for (let n = 0; n < 50; n++) {
      calls.push(db.createRecord('a', n).then(id => resolved.push(id)))
      if (n % 10 === 9) await delay(round % 12)
    }
    await Promise.all(calls)
  }
  t.deepEqual(
    resolved,
    resolved.map((_, n) => n + 1)
  )
})

test('writes under a hold are written together, in their order', async t => {
  const db = openDb(t)
  const ids = await db.withWriteLock(() => Promise.all([1, 2, 3, 4, 5].map(n => db.createRecord('a', n))))
  t.deepEqual(ids, [1, 2, 3, 4, 5])
})

test('each write of a burst has a deadline of its own', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir)
  const db = openDb(t, dir, { timeout: 200 })
  const refused = (n: number) =>
    timed(async () => t.true((await rejection(db.createRecord('a', n))) instanceof LockTimeout))
  const early = [1, 2, 3].map(refused)
  await delay(120)
  const late = [4, 5, 6].map(refused)
  const times = await Promise.all([...early, ...late])
  t.true(Math.min(...times) >= 199, `nobody is refused early: ${times}`)
  t.log(`late by at most ${(Math.max(...times) - 200).toFixed(1)} ms`)
  t.true(Math.max(...times) < 1500)
  holder.tell('release')
  t.is(await holder.says(), 'released')
  t.is(await db.createRecord('b', 1), 1)
})

test('what is called while a batch waits is written when the lock is free', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const db = openDb(t, dir, { timeout: 10_000 })
  const first = [1, 2, 3].map(n => db.createRecord('a', n))
  await delay(20)
  const second = [4, 5, 6].map(n => db.createRecord('a', n))
  await guard.release()
  t.deepEqual(await Promise.all([...first, ...second]), [1, 2, 3, 4, 5, 6])
})

if (has('strace')) {
  test('10,000 writes at once need a few locks, not 10,000', async t => {
    const dir = tmpDir(t)
    const log = join(tmpDir(t), 'strace')
    const script = `${prelude(dir)}
      const db = new DB(dir + '/app.db');
      Promise.all(Array.from({ length: 10000 }, (_, n) => db.createRecord('a', n))).then(() => db.close())`
    const args = ['-f', '-o', log, '-e', 'trace=flock', process.execPath, '-e', script]
    const { code, stderr } = await run(t, 'strace', args)
    t.is(code, 0, stderr)
    const locks = readFileSync(log, 'utf8').match(/LOCK_EX/g)?.length ?? 0
    t.log(`${locks} locks`)
    t.true(locks > 0 && locks < 200)
  })
}

if (hasSql) {
  const REFUSED = Array.from({ length: 1000 }, (_, n) => n).filter(n => n % 7 === 3)

  const burst = (db: ReturnType<typeof openDb>) =>
    Promise.allSettled(
      Array.from({ length: 1000 }, (_, n) => db.createRecord(REFUSED.includes(n) ? 'bad' : `n${n}`, n))
    )

  /** What the schema does with a record of the name 'bad', and the code of the error that tells. */
  const SCHEMAS: [string, string, string][] = [
    ['undoes its statement', `CHECK (name <> 'bad')`, 'SQLITE_CONSTRAINT_CHECK'],
    ['ends the transaction', `CHECK (name <> 'bad') ON CONFLICT ROLLBACK`, 'SQLITE_CONSTRAINT_CHECK'],
    ['keeps what it did', `CHECK (name <> 'bad') ON CONFLICT FAIL`, 'SQLITE_CONSTRAINT_CHECK']
  ]
  for (const [what, check, code] of SCHEMAS) {
    test(`an error that ${what} rejects its own write and no other`, async t => {
      const dir = tmpDir(t)
      await sql(
        t,
        join(dir, 'app.db'),
        `CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL, ${check})`
      )
      const db = openDb(t, dir)
      const outcomes = await burst(db)
      const rejected = outcomes.flatMap((outcome, n) => (outcome.status === 'rejected' ? [n] : []))
      t.deepEqual(rejected, REFUSED)
      t.is((outcomes[3] as PromiseRejectedResult).reason.code, code)
      const rows = db.getAllRecords()
      t.is(rows.length, 1000 - REFUSED.length)
      for (const [n, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') t.is(db.getRecord(outcome.value)?.value, n)
      }
      t.is(await db.createRecord('next', 1), rows.length + 1)
    })
  }
}
