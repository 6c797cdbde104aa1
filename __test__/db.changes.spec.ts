/** Commits by anybody, told of by changes() and watch(). */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import type { Change, DB } from '../index.js'
import { eventually, mustBlock, rejection } from './helpers/block.ts'
import { runScript } from './helpers/child.ts'
import { hasSql, sql, stayIn } from './helpers/sqlite.ts'
import { ENDLESS, INSERT, values, withTable } from './helpers/table.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const index = new URL('../index.mjs', import.meta.url).href
const DONE = { done: true, value: undefined }

/** Goes on until `isThere`, which each 'commit' may have brought about. */
async function commitsUntil(t: ExecutionContext, commits: AsyncIterator<Change>, isThere: () => boolean) {
  do t.deepEqual(await commits.next(), { done: false, value: { reason: 'commit' } })
  while (!isThere())
}

/** Begun, with nothing more to tell of. */
function begin(db: DB, options?: Parameters<DB['changes']>[0]) {
  const commits = db.changes(options)
  return commits.next().then(start => ({ commits, start }))
}

test('the first step is there at once, and the next one comes with a commit', async t => {
  const db = await withTable(t)
  const { commits, start } = await begin(db)
  t.deepEqual(start, { done: false, value: { reason: 'start' } })
  const unblock = await mustBlock(t, commits.next())
  await db.run(INSERT, 1)
  t.deepEqual((await unblock()).value, { reason: 'commit' })
  await mustBlock(t, commits.next())
})

const COMMITS: Record<string, (db: DB) => Promise<unknown>> = {
  'run()': db => db.run(INSERT, 1),
  'exec()': db => db.exec('INSERT INTO t VALUES (1)'),
  'batch()': db => db.batch([{ sql: INSERT, params: [1] }]),
  'createRecord()': async db => (await db.createRecord('a', 1), db.run(INSERT, 1)),
  'transaction()': db => db.transaction(tx => tx.run(INSERT, 1)),
  'withWriteLock()': db => db.withWriteLock(() => db.run(INSERT, 1)),
  'migrate()': db => db.migrate([{ id: 'a', up: 'INSERT INTO t VALUES (1)' }])
}
for (const [name, commit] of Object.entries(COMMITS)) {
  test(`a commit of ${name} is told of, by this DB and by another one`, async t => {
    const dir = tmpDir(t)
    const [db, other] = [await withTable(t, dir), openDb(t, dir)]
    const [{ commits: ours }, { commits: theirs }] = [await begin(db), await begin(other)]
    await commit(db)
    await commitsUntil(t, ours, () => values(db).length === 1)
    await commitsUntil(t, theirs, () => values(other).length === 1)
  })
}

test('commits between two steps are one further step', async t => {
  const db = await withTable(t)
  const { commits } = await begin(db)
  for (let n = 0; n < 10; n++) await db.run(INSERT, n)
  await commitsUntil(t, commits, () => true)
  t.is(values(db).length, 10)
  const pending = commits.next()
  await db.run(INSERT, 10)
  t.is((await pending).value.reason, 'commit')
})

test('a commit that is made right after the call, before the first step, is told of', async t => {
  const db = await withTable(t)
  for (let n = 0; n < 20; n++) {
    const commits = db.changes()
    await db.run(INSERT, n)
    t.is((await commits.next()).value.reason, 'start')
    t.is((await commits.next()).value.reason, 'commit')
    await commits.return!()
  }
})

test('in a transaction or under a hold it tells of what is committed, and belongs to no scope', async t => {
  const db = await withTable(t)
  const pending = await db.transaction(async tx => {
    const { commits } = await begin(db)
    const pending = commits.next()
    await tx.run(INSERT, 1)
    await mustBlock(t, pending)
    return { pending }
  })
  t.is((await pending.pending).value.reason, 'commit')
})

test('interval yields when there was no commit for so long', async t => {
  const db = await withTable(t)
  const { commits } = await begin(db, { interval: 5 })
  t.deepEqual((await commits.next()).value, { reason: 'interval' })
  t.deepEqual((await commits.next()).value, { reason: 'interval' })
  const { commits: patient } = await begin(db, { interval: 60_000 })
  const pending = patient.next()
  // The thread sleeps until the longer one is over, unless it is told of the shorter one.
  t.deepEqual((await (await begin(db, { interval: 1 })).commits.next()).value, { reason: 'interval' })
  await db.run(INSERT, 1)
  t.deepEqual((await pending).value, { reason: 'commit' })
})

test('return() ends a pending step, and break a loop', async t => {
  const db = await withTable(t)
  const { commits } = await begin(db)
  const pending = commits.next()
  t.deepEqual(await commits.return!('over'), { done: true, value: 'over' })
  t.deepEqual(await pending, DONE)
  t.deepEqual(await commits.next(), DONE)
  for await (const { reason } of db.changes()) {
    t.is(reason, 'start')
    break
  }
  await eventually(t, () => db.stats().changes === null)
})

test('an abort rejects the pending step and every further one', async t => {
  const db = await withTable(t)
  const controller = new AbortController()
  const { commits } = await begin(db, { signal: controller.signal })
  const pending = rejection(commits.next())
  controller.abort('enough')
  t.is(await pending, 'enough')
  t.is(await rejection(commits.next()), 'enough')
  const late = db.changes({ signal: AbortSignal.abort('before') })
  t.is(await rejection(late.next()), 'before')
  t.is(await rejection(late.next()), 'before')
  const rows = db.watch({ sql: 'SELECT * FROM t', signal: AbortSignal.abort('before') })
  t.is(await rejection(rows.next()), 'before')
})

test('close() ends pending steps and later ones, and nothing begins after it', async t => {
  const db = await withTable(t)
  const [{ commits }, { commits: idle }, rows] = [
    await begin(db),
    await begin(db),
    db.watch('SELECT * FROM t')
  ]
  await rows.next()
  const pending = [commits.next(), rows.next()]
  await db.close()
  t.deepEqual(await Promise.all(pending), [DONE, DONE])
  t.deepEqual(await idle.next(), DONE)
  for (const begun of [db.changes(), db.watch('SELECT 1')]) {
    t.is((await rejection(begun.next())).code, 'ERR_SQLOCK_CLOSED')
    t.deepEqual(await begun.next(), DONE)
  }
})

test('a step that a commit has made before close() is no step after it', async t => {
  for (let n = 0; n < 20; n++) {
    const db = await withTable(t)
    const seen = (async () => {
      for await (const _ of db.changes()) values(db)
    })()
    const rows = (async () => {
      for await (const _ of db.watch('SELECT * FROM t')) values(db)
    })()
    await db.run(INSERT, n)
    if (n % 2) await new Promise(setImmediate)
    await db.close()
    await t.notThrowsAsync(Promise.all([seen, rows]))
  }
})

test('bad arguments are the rejection of the first step', async t => {
  const db = await withTable(t)
  const bad: [any, RegExp][] = [
    [{ interval: 0 }, /interval/],
    [{ interval: -1 }, /interval/],
    [{ interval: Number.NaN }, /interval/],
    [{ interval: '1' }, /interval/],
    [{ signal: 1 }, /signal/],
    [{ timeout: 1 }, /timeout/],
    [1, /options/],
    [null, /options/]
  ]
  for (const [options, message] of bad) {
    const error = await rejection(db.changes(options).next())
    t.true(error instanceof TypeError || error instanceof RangeError)
    t.regex(error.message, message)
  }
  const badQueries: [any[], RegExp][] = [
    [[], /query/],
    [[{ sql: 'SELECT 1', timeout: 1 }], /timeout/],
    [[{ sql: 'SELECT 1', interval: 0 }], /interval/],
    [['SELECT ?', Number.NaN], /NaN/]
  ]
  for (const [args, message] of badQueries) {
    const error = await rejection((db.watch as any)(...args).next())
    t.true(error instanceof TypeError || error instanceof RangeError)
    t.regex(error.message, message)
  }
  t.is(db.stats().changes, null)
})

test('a file that is replaced is an error, and ends the iteration', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const { commits } = await begin(db)
  const pending = rejection(commits.next())
  renameSync(db.dbPath, join(dir, 'moved.db'))
  t.is((await pending).code, 'ERR_SQLOCK_REPLACED')
  t.deepEqual(await commits.next(), DONE)
  t.is((await rejection(db.changes().next())).code, 'ERR_SQLOCK_REPLACED')
  renameSync(join(dir, 'moved.db'), db.dbPath)
})

test('a directory that is renamed is an error', async t => {
  const dir = join(tmpDir(t), 'data')
  mkdirSync(dir)
  const db = await withTable(t, dir)
  const { commits } = await begin(db)
  const pending = rejection(commits.next())
  renameSync(dir, `${dir}.away`)
  t.is((await pending).code, 'ERR_SQLOCK_REPLACED')
})

test('a DB with readonly is told of commits, of a database at rest too', async t => {
  const dir = tmpDir(t)
  const writer = await withTable(t, dir)
  const reader = openDb(t, dir, { readonly: true })
  const { commits } = await begin(reader)
  await writer.run(INSERT, 1)
  await commitsUntil(t, commits, () => values(reader).length === 1)
  await writer.close()
  const again = await withTable(t, dir)
  await again.run(INSERT, 2)
  await commitsUntil(t, commits, () => values(reader).length === 2)
})

test('checkpoints, a WAL that begins anew and VACUUM miss no commit', async t => {
  const dir = tmpDir(t)
  const [db, other] = [await withTable(t, dir), openDb(t, dir)]
  const { commits } = await begin(other)
  for (const [n, between] of ['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE', 'VACUUM'].entries()) {
    await (between === 'VACUUM' ? db.exec('VACUUM') : db.checkpoint(between as 'FULL'))
    await db.run(INSERT, n)
    await commitsUntil(t, commits, () => values(other).length === n + 1)
  }
})

test('a live query yields its rows at once, and when they are others', async t => {
  const dir = tmpDir(t)
  const [db, other] = [await withTable(t, dir), openDb(t, dir)]
  const rows = db.watch<{ a: number }>('SELECT a FROM t WHERE a > ? ORDER BY a', 1)
  t.deepEqual(await rows.next(), { done: false, value: [] })
  await other.run(INSERT, 2)
  const { value } = await rows.next()
  t.deepEqual(value, [{ a: 2 }])
  // What the caller does to its rows is nothing to the comparison.
  value.length = 0
  const unblock = await mustBlock(t, rows.next())
  await other.run(INSERT, 1)
  const pending = await mustBlock(t, unblock())
  await other.batch([3, 4].map(a => ({ sql: INSERT, params: [a] })))
  t.deepEqual((await pending()).value, [{ a: 2 }, { a: 3 }, { a: 4 }])
})

test('a live query sees every kind of value change, and takes the options of a read', async t => {
  const db = await withTable(t)
  await db.run(INSERT, null)
  const rows = db.watch({ sql: 'SELECT a FROM t', raw: true, integers: 'bigint' })
  t.deepEqual((await rows.next()).value, [[null]])
  const kinds: [unknown, unknown][] = [
    [1, 1n],
    [1.5, 1.5],
    ['1.5', '1.5'],
    ['', ''],
    [Buffer.from(''), Buffer.from('')],
    [Buffer.from('a'), Buffer.from('a')],
    ['x'.repeat(100_000), 'x'.repeat(100_000)],
    [2n ** 62n, 2n ** 62n],
    [null, null]
  ]
  for (const [value, expected] of kinds) {
    await db.run('UPDATE t SET a = ?', value as any)
    t.deepEqual((await rows.next()).value, [[expected]])
  }
})

test('the values of a live query are those of the call', async t => {
  const db = await withTable(t)
  const bytes = Buffer.from('a')
  const rows = db.watch('SELECT ? AS a, count(*) AS n FROM t', bytes)
  bytes[0] = 0
  t.deepEqual((await rows.next()).value, [{ a: Buffer.from('a'), n: 0 }])
  await db.run(INSERT, 1)
  t.deepEqual((await rows.next()).value, [{ a: Buffer.from('a'), n: 1 }])
})

test('a live query that writes, or that fails later, ends with the error', async t => {
  const db = await withTable(t)
  const writes = db.watch('INSERT INTO t VALUES (1) RETURNING a')
  t.is((await rejection(writes.next())).code, 'ERR_SQLOCK_SYNC_WRITE')
  t.deepEqual(await writes.next(), DONE)
  t.deepEqual(values(db), [])
  const rows = db.watch('SELECT * FROM t')
  await rows.next()
  const pending = rejection(rows.next())
  await db.exec('DROP TABLE t')
  t.is((await pending).code, 'SQLITE_ERROR')
  t.deepEqual(await rows.next(), DONE)
})

test('return() and an abort end the read of a live query that would never end', async t => {
  const db = await withTable(t)
  const rows = db.watch(ENDLESS)
  const unblock = await mustBlock(t, rows.next())
  t.deepEqual(await rows.return!(), DONE)
  t.deepEqual(await unblock(), DONE)
  const controller = new AbortController()
  const aborted = db.watch({ sql: ENDLESS, signal: controller.signal })
  const rejected = await mustBlock(t, rejection(aborted.next()))
  controller.abort('enough')
  t.is(await rejected(), 'enough')
  t.is(await rejection(aborted.next()), 'enough')
})

test('a live query with an interval reads again for what no commit changes', async t => {
  const db = await withTable(t)
  const rows = db.watch({ sql: 'SELECT random() % 1000000 AS r', interval: 1 })
  const [first, second] = [(await rows.next()).value, (await rows.next()).value]
  t.notDeepEqual(first, second)
})

test('steps that are asked for at the same time come one after another', async t => {
  const db = await withTable(t)
  const commits = db.changes({ interval: 1 })
  const steps = await Promise.all([commits.next(), commits.next(), commits.next()])
  t.deepEqual(
    steps.map(({ value }) => value.reason),
    ['start', 'interval', 'interval']
  )
})

test('an iterator keeps no snapshot and no process alive, and a pending step keeps it', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  await begin(db)
  await db.run(INSERT, 1)
  await eventually(t, async () => (await db.checkpoint('TRUNCATE')).complete)
  const idle = `const db = new DB(dir + '/app.db'); db.changes().next().then(() => console.log('started'))`
  t.like(await runScript(t, dir, idle), { code: 0, stdout: 'started\n' })
  const pending = `
    const db = new DB(dir + '/app.db'), commits = db.changes();
    commits.next().then(() => commits.next()).then(step => console.log(step.value.reason));
    setTimeout(() => db.run("INSERT INTO t VALUES ('pending')"), 50).unref()`
  t.like(await runScript(t, dir, pending), { code: 0, stdout: 'commit\n' })
})

test('an iterator that nobody goes on with is ended when it is collected', async t => {
  const db = await withTable(t)
  await (async () => void (await db.changes().next()))()
  t.not(db.stats().changes, null)
  await eventually(t, () => (globalThis.gc?.(), db.stats().changes === null))
})

test('worker threads are told of commits, and may be terminated in a step', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const code = `
    const { DB } = await import(${JSON.stringify(index)})
    const { parentPort } = await import('node:worker_threads')
    const db = new DB(${JSON.stringify(db.dbPath)})
    for await (const { reason } of db.changes()) parentPort.postMessage(reason)`
  const url = pathToFileURL(join(dir, 'worker.mjs'))
  writeFileSync(url, code)
  for (let n = 0; n < 10; n++) {
    const worker = new Worker(url)
    const heard: string[] = []
    worker.on('message', reason => heard.push(reason))
    await eventually(t, () => heard.includes('start'))
    await db.run(INSERT, n)
    await eventually(t, () => heard.includes('commit'))
    const writing = db.run(INSERT, `${n} and more`)
    await worker.terminate()
    await writing
  }
  t.is(values(db).length, 20)
})

if (hasSql) {
  test('a program without the lock is told of, with a WAL and with a rollback journal', async t => {
    for (const mode of ['wal', 'delete']) {
      const dir = tmpDir(t)
      const path = join(dir, 'app.db')
      await sql(t, path, `PRAGMA journal_mode = ${mode}; CREATE TABLE t (a)`)
      const db = openDb(t, dir)
      const { commits } = await begin(db)
      for (const n of [1, 2, 3]) {
        await sql(t, path, `INSERT INTO t VALUES (${n})`)
        await commitsUntil(t, commits, () => values(db).length === n)
      }
    }
  })

  test('a database that a program has to itself is told of when that has committed', async t => {
    const dir = tmpDir(t)
    const path = join(dir, 'app.db')
    await sql(t, path, 'CREATE TABLE t (a)')
    const db = openDb(t, dir, { busyTimeout: 2 ** 31 - 1 })
    const program = await stayIn(
      t,
      path,
      'BEGIN EXCLUSIVE',
      'INSERT INTO t VALUES (1)',
      'COMMIT',
      'BEGIN EXCLUSIVE'
    )
    const { commits } = await begin(db)
    const pending = commits.next()
    program.child.stdin!.end()
    await program.ended()
    await pending
    t.deepEqual(values(db), [1])
  })
}
