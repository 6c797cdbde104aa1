/** Aborts at every moment: what was told is what is in the file, nothing runs on, and the lock is free. */
import { pbkdf2 } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import test from 'ava'
import { rejection } from './helpers/block.ts'
import { spawnHolder } from './helpers/child.ts'
import { hasSql, stayIn } from './helpers/sqlite.ts'
import { INSERT, values, withTable } from './helpers/table.ts'
import { lockSize, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const ENDLESS =
  'INSERT INTO t WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0'
const LONG =
  'WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c LIMIT 3000000) SELECT count(*) FROM c'

const derive = promisify(pbkdf2)

/** Keeps the four workers of the pool busy for a while. */
const fillPool = () => Promise.all([1, 2, 3, 4].map(() => derive('a', 'b', 200_000, 64, 'sha512')))

/** It used to resolve with the value of its function when the abort came while that was at its end. */
test('a transaction that an abort has rolled back rejects, also when its function comes to its end', async t => {
  const db = await withTable(t)
  for (const nested of [false, true]) {
    const controller = new AbortController()
    const aborted = () =>
      db.transaction(
        async tx => {
          await tx.run(INSERT, 1)
          controller.abort('enough')
          return 'value'
        },
        { signal: controller.signal }
      )
    t.is(await rejection(nested ? db.transaction(aborted) : aborted()), 'enough')
    t.deepEqual(values(db), [])
  }
})

test('writes and transactions that are aborted at random are in the file if and only if they resolved', async t => {
  const db = await withTable(t)
  const resolved: number[] = []
  const one = async (n: number) => {
    const controller = new AbortController()
    const { signal } = controller
    const when = Math.random()
    if (when < 0.3) void Promise.resolve().then(() => controller.abort('enough'))
    else if (when < 0.6) setImmediate(() => controller.abort('enough'))
    else setTimeout(() => controller.abort('enough'), when * 3)
    const issue = [
      () => db.run({ sql: INSERT, params: [n], signal }),
      () => db.batch([{ sql: INSERT, params: [n] }], { signal }),
      () => db.transaction(tx => tx.run(INSERT, n), { signal }),
      () => db.transaction(tx => tx.savepoint(inner => inner.run(INSERT, n)), { signal }),
      () => db.transaction(() => db.transaction(tx => tx.run(INSERT, n), { signal }))
    ][n % 5]!
    await issue().then(
      () => resolved.push(n),
      reason => t.is(reason, 'enough')
    )
  }
  for (let n = 0; n < 2000; n += 10) await Promise.all(Array.from({ length: 10 }, (_, m) => one(n + m)))
  t.deepEqual(values(db).toSorted(), resolved.toSorted())
  t.log(`${resolved.length} of 2000 resolved`)
  await db.run(INSERT, 'after')
})

/** SQLite forgets an interrupt that comes between two statements, and then an endless one ran on with the lock. */
test('an abort is heeded whenever it comes', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  for (let n = 0; n < 300; n++) {
    const controller = new AbortController()
    const endless = rejection(db.run({ sql: ENDLESS, signal: controller.signal }))
    if (n % 3) await new Promise(resolve => (n % 2 ? setImmediate(resolve) : setTimeout(resolve, 0)))
    controller.abort(n)
    t.is(await endless, n)
  }
  t.is(lockSize(dir), 0)
})

if (hasSql) {
  test('an abort while a program that ignores the lock writes is heeded', async t => {
    const db = await withTable(t, tmpDir(t), { busyTimeout: 10_000 })
    const writer = await stayIn(t, db.dbPath, 'BEGIN IMMEDIATE')
    const controller = new AbortController()
    const endless = rejection(db.run({ sql: ENDLESS, signal: controller.signal }))
    await delay(20)
    controller.abort('enough')
    writer.child.stdin!.end()
    t.is(await endless, 'enough')
  })
}

/** The rest of a batch that had taken its 5 ms was sent again, as if nobody had called it off. */
test('an abort of a transaction stops all of its calls', async t => {
  const db = await withTable(t)
  const controller = new AbortController()
  const failing = db.transaction(
    async tx => {
      setTimeout(() => controller.abort('enough'), 20)
      await Promise.all([tx.run(INSERT, 1), tx.run(LONG), tx.run(ENDLESS)])
    },
    { signal: controller.signal }
  )
  t.is(await rejection(failing), 'enough')
  t.false((await db.lockStatus()).locked)
})

/** All savepoints have one name, and an UNDO of one that had not begun hit the one around it. */
test('an abort of a savepoint undoes that one, whatever has begun in it', async t => {
  const db = await withTable(t)
  for (let ticks = 0; ticks < 30; ticks++) {
    const controller = new AbortController()
    await db.transaction(async tx => {
      await tx.run('DELETE FROM t')
      await tx.savepoint(async outer => {
        await outer.run(INSERT, 'outer')
        const aborted = db.transaction(
          async inner => {
            await inner.run(INSERT, 'inner')
            const innermost = db.transaction(deep => deep.run(INSERT, 'innermost'))
            innermost.catch(() => {})
            for (let n = 0; n < ticks; n++) await Promise.resolve()
            controller.abort('enough')
            await innermost
          },
          { signal: controller.signal }
        )
        t.is(await rejection(aborted), 'enough')
        await outer.run(INSERT, 'later')
      })
    })
    t.deepEqual(values(db), ['outer', 'later'], `${ticks} ticks`)
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

test('a call that fails at once and that nobody awaits undoes the transaction', async t => {
  const db = await withTable(t)
  const any = db as any
  for (const call of [
    (tx: any) => tx.run(INSERT, undefined),
    (tx: any) => tx.batch([5]),
    () => any.run(5),
    () => any.createRecord('a', 1.5),
    () => db.run({ sql: INSERT, params: [2], signal: AbortSignal.abort(new TypeError('before')) })
  ]) {
    const failing = db.transaction(async tx => {
      await tx.run(INSERT, 1)
      void call(tx)
    })
    t.regex((await rejection(failing)).name, /TypeError|RangeError/)
    t.deepEqual(values(db), [])
  }
})

test('close() rejects a begin() that is on its way', async t => {
  for (const ticks of [0, 3, 6, 10, 20]) {
    const db = await withTable(t)
    const begun = rejection(db.begin())
    for (let n = 0; n < ticks; n++) await Promise.resolve()
    await db.close()
    t.is((await begun).code, 'ERR_SQLOCK_CLOSED')
  }
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
