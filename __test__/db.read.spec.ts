/** Reads: how new they are, where they run, and that they take no lock. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import test from 'ava'
import type { DB } from '../index.js'
import { Gate, mustBlock, rejection } from './helpers/block.ts'
import { has, prelude, run, runScript } from './helpers/child.ts'
import { ENDLESS, values, withRows, withTable } from './helpers/table.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('a plain read refuses a statement that writes', async t => {
  const db = await withTable(t)
  const refused = (queryable: { get: DB['get'] }) => {
    for (const sql of [
      'INSERT INTO t VALUES (1)',
      'INSERT INTO t VALUES (1) RETURNING a',
      'PRAGMA user_version = 3',
      'VACUUM'
    ]) {
      t.throws(() => queryable.get(sql), { code: 'ERR_SQLOCK_SYNC_WRITE' }, sql)
    }
    for (const sql of ['BEGIN', 'COMMIT', 'SAVEPOINT sqlock', '/**/ RELEASE sqlock', 'ROLLBACK'])
      t.throws(() => queryable.get(sql), { code: 'ERR_SQLOCK_TRANSACTION' }, sql)
    t.throws(() => queryable.get("ATTACH 'x' AS y"), { code: 'SQLITE_AUTH' })
    t.throws(() => queryable.get('SELECT ?'), { code: 'ERR_OUT_OF_RANGE' })
    t.truthy(queryable.get('EXPLAIN INSERT INTO t VALUES (1)'))
    t.deepEqual(queryable.get('PRAGMA user_version'), { user_version: 0 })
  }
  refused(db)
  await db.transaction(async tx => {
    await tx.run('INSERT INTO t VALUES (1)')
    await tx.run('PRAGMA user_version = 0')
    refused(tx)
    t.true(tx.active)
  })
  t.deepEqual(values(db), [1])
})

test('a read does not take the lock, and makes no lock file', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  t.deepEqual(db.get('SELECT 1 AS a'), { a: 1 })
  t.deepEqual(await db.getAsync('SELECT 1 AS a'), { a: 1 })
  t.false(readdirSync(dir).includes('db.lock'))
  const locker = openLocker(t, dir)
  await locker.acquire()
  t.deepEqual(await db.allAsync('SELECT 2 AS a'), [{ a: 2 }])
})

test('reads of a database that is not in WAL mode are plain', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  t.deepEqual([db.all('SELECT name FROM sqlite_schema'), db.all('SELECT name FROM sqlite_schema')], [[], []])
  t.deepEqual(readdirSync(dir), ['app.db'])
  await db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
  for (let n = 0; n < 3; n++) t.deepEqual(db.all('SELECT a FROM t'), [{ a: 1 }])
})

if (has('python3')) {
  test('a read is never older than what another process has committed', async t => {
    const db = await withRows(t, 1)
    const select = db.prepare('SELECT value FROM t WHERE id = 1').pluck()
    for (let n = 1; n <= 10; n++) {
      const program = `import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('UPDATE t SET value = ?', (${n},)); db.commit()`
      const { code, stderr } = await run(t, 'python3', ['-c', program, db.dbPath])
      t.is(code, 0, stderr)
      t.is(select.get(), n)
      t.is(await select.getAsync(), n)
    }
  })
}

test.serial('reads of one tick share a snapshot, and are never older than the newest commit', async t => {
  const dir = tmpDir(t)
  const db = await withRows(t, 1, dir)
  const select = db.prepare('SELECT value FROM t WHERE id = 1').pluck()
  const inAnother = (call: string) =>
    execFileSync(process.execPath, ['-e', `${prelude(dir)} new DB(dir + '/app.db').${call}`])
  for (let n = 1; n <= 5; n++) {
    select.get()
    select.get()
    // Another process commits within this very tick.
    inAnother(`run('UPDATE t SET value = ${n}')`)
    t.is(select.get(), n)
    t.is(select.get(), n)
    inAnother(`exec('ALTER TABLE t ADD COLUMN c${n}')`)
    t.is(Object.keys(db.get('SELECT * FROM t')!).length, 3 + n)
    t.is(select.get(), n)
  }
  await db.run('UPDATE t SET value = 100')
  t.is(select.get(), 100)
  await db.exec('VACUUM')
  t.is(select.get(), 100)
})

// A child that is waited for, or a hundred thousand rows, would keep the tick of this one from its end.
test.serial(
  'a snapshot that reads share ends with the tick, and does not keep a checkpoint from its end',
  async t => {
    const db = await withRows(t, 10)
    const select = db.prepare('SELECT count(*) FROM t').pluck()
    for (let n = 0; n < 3; n++) {
      await db.run(`INSERT INTO t (name) VALUES ('more')`)
      t.is(select.get(), 11 + n)
      t.is(select.get(), 11 + n)
      t.true((await db.checkpoint('TRUNCATE')).complete)
      t.is(select.get(), 11 + n)
    }
  }
)

test('a hundred reads at once are all answered, in the order of their calls', async t => {
  for (const readers of [1, 2]) {
    const db = await withRows(t, 10, tmpDir(t), { readers })
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        t.deepEqual(await db.getAsync('SELECT ? AS n, count(*) AS c FROM t', n), { n, c: 10 })
        order.push(n)
      })
    )
    // Of two that read at once, either may be the first.
    if (readers === 1)
      t.deepEqual(
        order,
        [...order].toSorted((a, b) => a - b)
      )
    t.is(order.length, 100)
  }
})

test('a signal interrupts a read, and leaves the queue', async t => {
  const db = await withRows(t, 0, tmpDir(t), { readers: 1 })
  const controllers = [1, 2, 3].map(() => new AbortController())
  const [endless, waiting, stream] = controllers.map(({ signal }) => signal)
  const reads = [
    rejection(db.allAsync({ sql: ENDLESS, signal: endless })),
    rejection(db.getAsync({ sql: 'SELECT 1', signal: waiting })),
    rejection(db.iterateAsync({ sql: ENDLESS, signal: stream }).next())
  ]
  await mustBlock(t, Promise.race(reads))
  for (const [n, controller] of controllers.toReversed().entries()) controller.abort(n)
  t.deepEqual(await Promise.all(reads), [2, 1, 0])
  t.deepEqual(await db.getAsync('SELECT 1 AS one'), { one: 1 })
})

/** It used to stay in the queue until a reader was free, if ever. */
test('a read that is aborted while it waits for a reader leaves at once', async t => {
  const db = await withRows(t, 3, tmpDir(t), { readers: 1 })
  const [endless, waiting] = [new AbortController(), new AbortController()]
  const busy = rejection(db.allAsync({ sql: ENDLESS, signal: endless.signal }))
  const one = { sql: 'SELECT 1', signal: waiting.signal }
  const statement = db.prepare('SELECT count(*) AS n FROM t')
  const first = db.getAsync('SELECT 1 AS n')
  const aborted = [db.getAsync(one), db.allAsync(one), db.execute(one)].map(rejection)
  const behind = [statement.getAsync(), statement.allAsync(), db.getRecordAsync(1)]
  waiting.abort('too late')
  t.deepEqual(await Promise.all(aborted), ['too late', 'too late', 'too late'])
  const unblocked = await mustBlock(t, Promise.race([busy, first, ...behind]))
  endless.abort('enough')
  await unblocked()
  t.deepEqual(await Promise.all([busy, first, ...behind]), [
    'enough',
    { n: 1 },
    { n: 3 },
    [{ n: 3 }],
    undefined
  ])
})

test('a read whose signal aborts as a reader becomes free passes it on', async t => {
  const db = await withRows(t, 0, tmpDir(t), { readers: 1 })
  const controller = new AbortController()
  const busy = rejection(db.allAsync({ sql: ENDLESS, signal: controller.signal }))
  const late = rejection(db.getAsync({ sql: 'SELECT 1', signal: controller.signal }))
  const last = db.getAsync('SELECT 2 AS n')
  controller.abort('enough')
  t.deepEqual(await Promise.all([busy, late, last]), ['enough', 'enough', { n: 2 }])
  t.deepEqual(await db.getAsync('SELECT 3 AS n'), { n: 3 })
})

test('close() lets reads that wait for a reader come to their end, and to their abort', async t => {
  const db = await withRows(t, 3, tmpDir(t), { readers: 1 })
  const [endless, waiting] = [new AbortController(), new AbortController()]
  const busy = rejection(db.allAsync({ sql: ENDLESS, signal: endless.signal }))
  const aborted = rejection(db.getAsync({ sql: 'SELECT 1', signal: waiting.signal }))
  const behind = db.getAsync('SELECT count(*) AS n FROM t')
  const closed = db.close()
  waiting.abort('too late')
  t.is(await aborted, 'too late')
  const unblocked = await mustBlock(t, Promise.race([behind, closed]))
  endless.abort('enough')
  await unblocked()
  t.is(await busy, 'enough')
  t.deepEqual(await behind, { n: 3 })
  await closed
})

test('the event loop stays free while a worker reads', async t => {
  const db = await withRows(t, 0)
  const [controller, gate] = [new AbortController(), new Gate()]
  const reading = rejection(db.allAsync({ sql: ENDLESS, signal: controller.signal }))
  let ticks = 0
  const timer = setInterval(() => ++ticks === 20 && gate.open(), 1)
  await gate.opened
  clearInterval(timer)
  controller.abort('enough')
  t.is(await reading, 'enough')
})

test('records are read off the event loop as on it', async t => {
  const db = openDb(t)
  t.is(await db.getRecordAsync(1), undefined)
  t.deepEqual(await db.getAllRecordsAsync(), [])
  await db.createRecord('a', 1)
  t.deepEqual(await db.getRecordAsync(1), { id: 1, name: 'a', value: 1 })
  t.deepEqual(await db.getAllRecordsAsync(), [{ id: 1, name: 'a', value: 1 }])
  t.is((await rejection((db as any).getRecordAsync('x'))).name, 'TypeError')
})

test('rows are the same where no code may be made from strings', async t => {
  const dir = tmpDir(t)
  const script = `
    try { new Function() } catch { console.error('strict') }
    const db = new DB(dir + '/app.db')
    const text = "replace(printf('%.*c', 1048576, 'x'), 'x', 'x')"
    const all = ["SELECT 1 AS a, -1.5 AS b, NULL AS c, 'text' AS d, x'00ff' AS e, 9007199254740993 AS f",
      'SELECT 1 AS "__proto__", 2 AS b, 3 AS b', 'SELECT ' + text + " AS a, " + text + " || 'é' AS b, " + text + " || '☃' AS c"]
    for (const sql of all) {
      const statement = db.prepare(sql).integers('auto')
      const rows = [statement.all(), statement.raw().all(), statement.pluck().all()]
      console.log(require('node:util').inspect(rows, { depth: 5, maxStringLength: 2 ** 22 }))
    }`
  const [usual, strict] = [
    await runScript(t, dir, script),
    await runScript(t, dir, script, { NODE_OPTIONS: '--disallow-code-generation-from-strings' })
  ]
  t.is(usual.code, 0, usual.stderr)
  t.is(strict.code, 0, strict.stderr)
  t.is(usual.stderr + strict.stderr, 'strict\n')
  t.true(usual.stdout.length > 6 * 2 ** 20)
  t.true(strict.stdout === usual.stdout)
})
