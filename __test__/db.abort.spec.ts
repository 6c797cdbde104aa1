/** Aborts at every moment: what was told is what is in the file, nothing runs on, and the lock is free. */
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { Gate, rejection } from './helpers/block.ts'
import { hasSql, stayIn } from './helpers/sqlite.ts'
import { ENDLESS_INSERT, INSERT, values, withTable } from './helpers/table.ts'
import { lockSize, openLocker, tmpDir } from './helpers/tmp.ts'

const LONG =
  'WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c LIMIT 3000000) SELECT count(*) FROM c'

test('an abort interrupts the statement that runs, rolls back, and rejects with its reason', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  for (const depth of [0, 1]) {
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const failing = db.transaction(
      async tx => {
        await tx.run(INSERT, 1)
        const endless = depth ? tx.savepoint(inner => inner.run(ENDLESS_INSERT)) : tx.run(ENDLESS_INSERT)
        setTimeout(() => controller.abort(reason), 5)
        await endless
      },
      { signal: controller.signal }
    )
    t.is(await rejection(failing), reason)
    t.is(lockSize(dir), 0)
  }
  await db.run(INSERT, 2)
  t.deepEqual(values(db), [2])
})

test('an abort does not wait for a function that hangs, and what that goes on to write is refused', async t => {
  const db = await withTable(t)
  const [controller, gate] = [new AbortController(), new Gate()]
  let orphan: Promise<any> | undefined
  const failing = db.transaction(
    async tx => {
      await tx.run(INSERT, 1)
      orphan = gate.opened.then(() => rejection(db.run(INSERT, 2)))
      controller.abort()
      await gate.opened
    },
    { signal: controller.signal }
  )
  t.is((await rejection(failing)).name, 'AbortError')
  await db.run(INSERT, 3)
  gate.open()
  t.is((await orphan).code, 'ERR_SQLOCK_NOT_HELD')
  t.deepEqual(values(db), [3])
})

test('an abort does not wait for a scope in the transaction that hangs', async t => {
  const db = await withTable(t)
  const controller = new AbortController()
  const failing = db.transaction(
    async tx => {
      await tx.run(INSERT, 1)
      setTimeout(() => controller.abort('enough'), 2)
      await tx.savepoint(inner => db.withWriteLock(() => inner.savepoint(() => new Promise(() => {}))))
    },
    { signal: controller.signal }
  )
  t.is(await rejection(failing), 'enough')
  await db.run(INSERT, 2)
  t.deepEqual(values(db), [2])
})

test('an abort before the lock is granted leaves the queue', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const locker = openLocker(t, dir)
  await locker.acquire()
  const controller = new AbortController()
  const begin = rejection(db.begin({ signal: controller.signal, timeout: Infinity }))
  const transaction = rejection(
    db.transaction(() => t.fail(), { signal: controller.signal, timeout: Infinity })
  )
  controller.abort(5)
  t.deepEqual(await Promise.all([begin, transaction]), [5, 5])
  await locker.unlock()
  await db.run(INSERT, 1)
})

test('a signal of run() interrupts its statement alone', async t => {
  const db = await withTable(t)
  const controller = new AbortController()
  const endless = rejection(db.run({ sql: ENDLESS_INSERT, signal: controller.signal }))
  const others = [db.run(INSERT, 1), db.run(INSERT, 2)]
  setTimeout(() => controller.abort('enough'), 5)
  t.is(await endless, 'enough')
  await Promise.all(others)
  const script = { sql: `INSERT INTO t VALUES (3); ${ENDLESS_INSERT}`, signal: AbortSignal.timeout(5) }
  t.is((await rejection(db.exec(script))).name, 'TimeoutError')
  t.is(
    (
      await rejection(
        db.batch(['INSERT INTO t VALUES (3)', ENDLESS_INSERT], { signal: AbortSignal.timeout(5) })
      )
    ).name,
    'TimeoutError'
  )
  t.deepEqual(values(db), [1, 2])
})

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
    const endless = rejection(db.run({ sql: ENDLESS_INSERT, signal: controller.signal }))
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
    const endless = rejection(db.run({ sql: ENDLESS_INSERT, signal: controller.signal }))
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
      await Promise.all([tx.run(INSERT, 1), tx.run(LONG), tx.run(ENDLESS_INSERT)])
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
