/** Waiting: whose turn it is, leaving the queue, and what goes on meanwhile. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { DB } from '../index.js'
import { mustBlock, rejection, timed } from './helpers/block.ts'
import { runScript, spawnHolder } from './helpers/child.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('grants come in the order of the calls', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const db = openDb(t, dir)
  const order: number[] = []
  const waits = Array.from({ length: 30 }, async (_, n) => {
    if (n % 3 === 0) await db.withWriteLock(() => order.push(n), Infinity)
    else await openLocker(t, dir).withLock(() => order.push(n), Infinity)
  })
  await guard.release()
  await Promise.all(waits)
  const lockers = order.filter(n => n % 3 !== 0)
  t.deepEqual(
    lockers,
    lockers.toSorted((a, b) => a - b)
  )
  const holds = order.filter(n => n % 3 === 0)
  t.deepEqual(
    holds,
    holds.toSorted((a, b) => a - b)
  )
  t.is(order[0], 0)
})

test('one locker may wait several times', async t => {
  const locker = openLocker(t)
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const guard = await locker.acquire(Infinity)
      order.push(n)
      await guard.release()
    })
  )
  t.deepEqual(
    order,
    Array.from({ length: 20 }, (_, n) => n)
  )
})

test('writes and holds of a DB come in the order of their calls', async t => {
  const db = openDb(t)
  const first = db.createRecord('a', 1)
  const hold = db.withWriteLock(() => db.getAllRecords().length)
  const second = db.createRecord('b', 2)
  t.deepEqual(await Promise.all([first, hold, second]), [1, 1, 2])
})

/** What waited behind a call of its DB entered the queue of the lock only when its turn there had come. */
test('calls over several DB objects and lockers are granted in the order of the calls', async t => {
  const dir = tmpDir(t)
  const [a, b] = [openDb(t, dir, { timeout: Infinity }), openDb(t, dir, { timeout: Infinity })]
  await a.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)')
  const guard = await openLocker(t, dir).acquire()
  const [order, sql] = [[] as unknown[], 'INSERT INTO t (n) VALUES (?)']
  const calls: Promise<unknown>[] = []
  for (let n = 0; n < 60; n += 6) {
    calls.push(
      a.transaction(tx => tx.run(sql, n)),
      a.run({ sql, params: [n + 1], signal: new AbortController().signal }),
      b.batch([{ sql, params: [n + 2] }]),
      a.withWriteLock(() => a.run(sql, n + 3)),
      b.begin().then(async tx => {
        await tx.run(sql, n + 4)
        await tx.commit()
      }),
      openLocker(t, dir).withLock(() => b.run(sql, n + 5), Infinity)
    )
  }
  await guard.release()
  await Promise.all(calls)
  for (const { n } of a.all('SELECT n FROM t ORDER BY id')) order.push(n)
  t.deepEqual(
    order,
    Array.from({ length: 60 }, (_, n) => n)
  )
})

test('own transactions do not time out on each other', async t => {
  const db = openDb(t, tmpDir(t), { timeout: 1000 })
  await db.exec('CREATE TABLE t (a)')
  const one = () =>
    db.transaction(async tx => {
      await new Promise(resolve => setTimeout(resolve, 10))
      await tx.run('INSERT INTO t VALUES (1)')
    })
  await Promise.all(Array.from({ length: 120 }, one))
  await db.withWriteLock(() => Promise.all(Array.from({ length: 120 }, one)))
  t.is(db.all('SELECT * FROM t').length, 240)
})

test('transactions of a loop that blocks the event loop do not time out on each other', async t => {
  const db = openDb(t, tmpDir(t), { timeout: 200 })
  await db.exec('CREATE TABLE t (a)')
  const calls = []
  // A call every few ms: none of them tells that the event loop turns.
  for (const until = performance.now() + 800; performance.now() < until;) {
    calls.push(db.transaction(tx => tx.run('INSERT INTO t VALUES (1)')))
    for (const next = performance.now() + 5; performance.now() < next;);
  }
  await Promise.all(calls)
  t.is(db.all('SELECT * FROM t').length, calls.length)
})

test('two DB objects on one file take turns under one hold', async t => {
  const dir = tmpDir(t)
  const [a, b] = [1, 2].map(() => openDb(t, dir, { timeout: Infinity })) as [DB, DB]
  await a.exec('CREATE TABLE t (n)')
  await a.withWriteLock(async () => {
    const begun = await a.begin()
    await begun.run('INSERT INTO t VALUES (1)')
    const abort = new AbortController()
    const waiting = [
      b.run('INSERT INTO t VALUES (2)'),
      b.transaction(tx => tx.run('INSERT INTO t VALUES (3)'))
    ]
    const aborted = rejection(b.begin({ signal: abort.signal, timeout: Infinity }))
    abort.abort('enough')
    t.is(await aborted, 'enough')
    t.is((await rejection(b.begin({ timeout: 5 }))).code, 'ERR_SQLOCK_TIMEOUT')
    await begun.commit()
    await Promise.all(waiting)
    const sql = 'INSERT INTO t VALUES (4)'
    await Promise.all([a, b, a, b].map(db => db.transaction(tx => tx.run(sql))))
  })
  t.deepEqual(
    a.all('SELECT n FROM t').map(({ n }) => n),
    [1, 2, 3, 4, 4, 4, 4]
  )
  await a.transaction(async () => {
    for (const call of [b.run('SELECT 1'), b.begin(), b.transaction(() => 1)]) {
      t.is((await rejection(call)).code, 'ERR_SQLOCK_DEADLOCK')
    }
  })
})

test('an aborted signal leaves the queue with its reason, and the next waiter gets the lock', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const abort = new AbortController()
  const leaving = openLocker(t, dir).acquire({ timeout: Infinity, signal: abort.signal })
  const staying = openLocker(t, dir).acquire(Infinity)
  await mustBlock(t, leaving)
  const reason = new Error('changed my mind')
  abort.abort(reason)
  t.is(await rejection(leaving), reason)
  await guard.release()
  t.true((await staying).held)
})

test('a signal that was aborted before takes no lock', async t => {
  const locker = openLocker(t)
  const signal = AbortSignal.abort('no')
  t.is(await rejection(locker.acquire({ signal })), 'no')
  t.is(await rejection(locker.withLock(() => t.fail(), { signal })), 'no')
  t.is(await rejection(openDb(t).withWriteLock(() => t.fail(), { signal })), 'no')
  t.false(locker.held)
})

test('an abort reaches a wait behind other calls of the DB, and one that waits for the lock', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const db = openDb(t, dir, { timeout: Infinity })
  const abort = new AbortController()
  const options = { signal: abort.signal }
  const first = db.withWriteLock(() => t.fail(), options)
  const second = db.withWriteLock(() => t.fail(), options)
  const third = db.withWriteLock(() => 'mine')
  abort.abort('enough')
  t.is(await rejection(first), 'enough')
  t.is(await rejection(second), 'enough')
  await guard.release()
  t.is(await third, 'mine')
})

test('a reason may be anything, also what looks like an error of ours', async t => {
  const dir = tmpDir(t)
  await openLocker(t, dir).acquire()
  const db = openDb(t, dir)
  for (const kind of ['timeout', 'sqlite', 'sqlock', 'panic', 'cancelled', 'aborted']) {
    const abort = new AbortController()
    const options = { timeout: Infinity, signal: abort.signal }
    const waits = [
      openLocker(t, dir).acquire(options),
      db.withWriteLock(() => t.fail(), options),
      db.withWriteLock(() => t.fail(), options),
      db.run({ sql: 'SELECT 1', ...options })
    ]
    const reason = { kind, holder: 'me', code: 'E', reason: 'inner' }
    abort.abort(reason)
    for (const wait of waits) t.is(await rejection(wait), reason)
  }
})

test('one signal may serve any number of calls', async t => {
  const dir = tmpDir(t)
  const { stderr, stdout } = await runScript(
    t,
    dir,
    `const abort = new AbortController(), options = { timeout: Infinity, signal: abort.signal };
     new WriteLocker(dir).acquire().then(async () => {
       const waits = Array.from({ length: 30 }, () => new WriteLocker(dir).acquire(options));
       setTimeout(() => abort.abort('all'), 10);
       console.log(new Set((await Promise.allSettled(waits)).map(wait => wait.reason)).size)
     })`
  )
  t.is(stdout.trim(), '1')
  t.is(stderr, '')
})

test('an abort after the grant changes nothing', async t => {
  const abort = new AbortController()
  const guard = await openLocker(t).acquire({ signal: abort.signal })
  abort.abort()
  t.true(guard.held)
})

test('a grant that meets an abort frees the lock', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const abort = new AbortController()
  const waiting = openLocker(t, dir).acquire({ timeout: Infinity, signal: abort.signal })
  await mustBlock(t, waiting)
  // The release lets the waiter thread take the lock while this thread is busy; the abort comes before the news.
  await guard.release()
  const start = performance.now()
  while (performance.now() - start < 20);
  abort.abort('late')
  t.is(await rejection(waiting), 'late')
  t.true((await openLocker(t, dir).acquire(Infinity)).held)
})

test.serial('64 waits leave the event loop and the libuv pool alone', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir)
  const file = fileURLToPath(import.meta.url)
  const read = () => timed(() => readFile(file))
  const median = async () => {
    const times = []
    for (let n = 0; n < 50; n++) times.push(await read())
    return times.toSorted((a, b) => a - b)[25] as number
  }
  const idle = await median()
  const lockers = Array.from({ length: 64 }, () => openLocker(t, dir))
  const waits = lockers.map(locker => locker.withLock(() => {}, Infinity))
  let ticks = 0
  const interval = setInterval(() => ticks++, 1)
  const waiting = await median()
  clearInterval(interval)
  t.log(`readFile: ${idle.toFixed(3)} ms idle, ${waiting.toFixed(3)} ms with 64 waits; ${ticks} ticks`)
  t.true(ticks > 0)
  holder.tell('release')
  await Promise.all(waits)
})

test('process.exit() does not wait for the lock', async t => {
  const dir = tmpDir(t)
  await spawnHolder(t, dir)
  const { code, ms, stderr } = await runScript(
    t,
    dir,
    `const db = new DB(dir + '/app.db', { timeout: Infinity });
     for (let n = 0; n < 64; n++) new WriteLocker(dir).acquire(Infinity);
     db.createRecord('a', 1);
     setTimeout(() => { const start = performance.now(); process.on('exit', () => {}); process.exit(7) }, 50)`
  )
  t.is(code, 7, stderr)
  t.log(`the whole process took ${ms.toFixed(0)} ms`)
})

test('a pending acquire keeps the process alive until it settles', async t => {
  const dir = tmpDir(t)
  await spawnHolder(t, dir)
  const { stdout } = await runScript(
    t,
    dir,
    `new WriteLocker(dir).acquire(50).catch(error => console.log(error.code))`
  )
  t.is(stdout.trim(), 'ERR_SQLOCK_TIMEOUT')
})

test('a pending write keeps the process alive until it settles', async t => {
  const dir = tmpDir(t)
  await spawnHolder(t, dir)
  const { stdout } = await runScript(
    t,
    dir,
    `const db = new DB(dir + '/app.db', { timeout: 50 });
     db.createRecord('a', 1).catch(error => console.log(error.code));
     db.createRecord('b', 1).catch(error => console.log(error.code))`
  )
  t.is(stdout, 'ERR_SQLOCK_TIMEOUT\nERR_SQLOCK_TIMEOUT\n')
})

test('an open DB, a held lock or a pending status alone keeps no process alive', async t => {
  const dir = tmpDir(t)
  const { code, stderr } = await runScript(
    t,
    dir,
    `const db = new DB(dir + '/app.db', { lock: { longHoldMs: 100000 } });
     new WriteLocker(dir, { longHoldMs: 100000 }).acquire().then(() => db.lockStatus())`
  )
  t.is(code, 0, stderr)
})
