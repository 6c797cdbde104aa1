/** prepare(), and the ways to read. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { Gate, eventually, mustBlock, rejection } from './helpers/block.ts'
import { has, prelude, run, spawnHolder } from './helpers/child.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

/** Runs until it is interrupted. */
const ENDLESS =
  'WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0'
const COUNT = (to: number) =>
  `WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < ${to}) SELECT n FROM c`

async function withTable(t: ExecutionContext, rows = 0, dir = tmpDir(t), options = {}) {
  const db = openDb(t, dir, options)
  await db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value REAL)')
  if (rows > 0) await db.run(`INSERT INTO t SELECT n, 'name ' || n, n + 0.5 FROM (${COUNT(rows)})`)
  return db
}

test('a statement tells what it is', async t => {
  const db = await withTable(t)
  const select = db.prepare('SELECT id, name AS n, value + 1 FROM t')
  t.is(select.source, 'SELECT id, name AS n, value + 1 FROM t')
  t.true(select.reader)
  t.true(select.readonly)
  t.deepEqual(select.columns(), [
    { name: 'id', column: 'id', table: 't', database: 'main', type: 'INTEGER' },
    { name: 'n', column: 'name', table: 't', database: 'main', type: 'TEXT' },
    { name: 'value + 1', column: null, table: null, database: null, type: null }
  ])
  const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?)')
  t.false(insert.reader)
  t.false(insert.readonly)
  t.throws(() => insert.columns(), { instanceOf: TypeError })
  t.throws(() => insert.pluck(), { instanceOf: TypeError })
  t.true(db.prepare('DELETE FROM t RETURNING id').reader)
})

test('what cannot be compiled is refused by prepare()', async t => {
  const db = await withTable(t)
  for (const sql of ['SELEC 1', 'SELECT none FROM t', 'SELECT * FROM none', 'SELECT 1; SELECT 2', '', '-- x'])
    t.throws(() => db.prepare(sql), { name: 'SqliteError' }, sql)
  for (const sql of ['BEGIN', 'COMMIT', 'SAVEPOINT a'])
    t.throws(() => db.prepare(sql), { code: 'ERR_SQLOCK_TRANSACTION' }, sql)
  t.throws(() => db.prepare("ATTACH 'x' AS y"), { code: 'SQLITE_AUTH' })
  t.throws(() => db.prepare('SELECT 1\0'), { code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => db.prepare(5 as any), { instanceOf: TypeError })
})

test('a space that is not ASCII and a comment without an end are what SQLite takes them for', async t => {
  const db = await withTable(t)
  for (let n = 0; n < 2; n++) {
    t.deepEqual(db.all('SELECT 1 AS a\u00a0'), [{ 'a\u00a0': 1 }])
    t.deepEqual(db.all('SELECT 1 AS a /* '), [{ a: 1 }])
    t.throws(() => db.all('\u00a0SELECT 1 AS a'), { code: 'SQLITE_ERROR' })
    await db.run("INSERT INTO t (name) VALUES ('a') /* ")
  }
  t.is(db.all('SELECT * FROM t').length, 2)
})

test('a name may have what SQLite allows in one', async t => {
  const db = await withTable(t)
  for (const name of ['a', '1', 'é_$', 'a::b', 'a(b)', 'a::b(c,d)', '\u{1f600}', '__proto__'])
    for (const prefix of [':', '@', '$'])
      for (const key of [name, prefix + name]) {
        const params = Object.fromEntries([[key, 5]])
        t.is(db.prepare(`SELECT ${prefix}${name}`).pluck().get(params) as any, 5, key)
      }
  t.deepEqual(db.get("SELECT concat(':a(',:b) AS c", { b: 5 }), { c: ':a(5' })
})

test('get, all and iterate give rows as objects, as arrays, or their first column', async t => {
  const db = await withTable(t, 3)
  const select = db.prepare('SELECT id, name FROM t WHERE id >= ? ORDER BY id')
  const objects = [
    { id: 2, name: 'name 2' },
    { id: 3, name: 'name 3' }
  ]
  t.deepEqual(select.get(2), objects[0])
  t.is(select.get(9), undefined)
  t.deepEqual(select.all(2), objects)
  t.deepEqual([...select.iterate(2)], objects)
  t.deepEqual(await select.getAsync(2), objects[0])
  t.is(await select.getAsync(9), undefined)
  t.deepEqual(await select.allAsync(2), objects)
  const streamed = []
  for await (const row of select.iterateAsync(2)) streamed.push(row)
  t.deepEqual(streamed, objects as any)
  t.is(select.raw(), select as any)
  t.deepEqual(select.get(2), [2, 'name 2'] as any)
  t.deepEqual(select.all(3), [[3, 'name 3']] as any)
  t.deepEqual(await select.allAsync(3), [[3, 'name 3']] as any)
  select.pluck()
  t.deepEqual(select.all(1), [1, 2, 3] as any)
  t.deepEqual([...select.iterate(2)], [2, 3] as any)
  t.is((await select.getAsync(1)) as any, 1)
  t.deepEqual(select.raw(false).all(3), [3] as any, 'it was not raw')
  t.deepEqual(select.pluck(false).get(2), objects[0] as any)
})

test('columns of one name are one, the last; __proto__ is a name like any other', async t => {
  const db = await withTable(t)
  t.deepEqual(db.get('SELECT 1 AS a, 2 AS a, 3'), { a: 2, 3: 3 } as any)
  for (const row of [db.get('SELECT 5 AS "__proto__"'), ...db.all('SELECT 5 AS "__proto__"')]) {
    t.true(Object.hasOwn(row!, '__proto__'))
    t.is(Object.getPrototypeOf(row), Object.prototype)
  }
  t.deepEqual(db.all('SELECT 1 AS "a""b\n\\`${x}"'), [{ 'a"b\n\\`${x}': 1 }])
})

test('two thousand columns come in their order', async t => {
  const db = await withTable(t)
  const columns = Array.from({ length: 2000 }, (_, n) => `${n} AS c${n}`)
  const row = Object.fromEntries(columns.map((_, n) => [`c${n}`, n]))
  const sql = `SELECT ${columns.join(', ')}`
  t.deepEqual(db.get(sql), row)
  t.deepEqual(db.all(sql), [row])
  t.deepEqual(await db.allAsync(sql), [row])
})

test('a read with options tells how its rows come, in a transaction too', async t => {
  const db = await withTable(t)
  const sql = 'SELECT id, id + 2 AS id FROM t'
  const raw = { sql, raw: true, integers: 'auto' } as const
  const id = 2n ** 53n
  await db.transaction(async tx => {
    await tx.run("INSERT INTO t VALUES (?, 'a', 0)", id - 2n)
    t.deepEqual(await tx.allAsync(raw), [[Number(id - 2n), id]])
  })
  t.deepEqual(await db.allAsync(raw), [[Number(id - 2n), id]])
  t.deepEqual(await db.getAsync({ ...raw, integers: 'bigint' }), [id - 2n, id])
  for await (const row of db.iterateAsync(raw)) t.deepEqual(row, [Number(id - 2n), id])
  t.deepEqual(await db.getAsync({ sql, integers: 'auto' }), { id })
  t.deepEqual((await db.execute(raw)).rows, [[Number(id - 2n), id]])
  t.is((await rejection(db.getAsync({ sql, raw: true }))).code, 'ERR_OUT_OF_RANGE')
  for (const option of [{ raw: 1 }, { integers: 'float' }, { pluck: true }])
    t.true((await rejection(db.allAsync({ sql, ...option } as any))) instanceof TypeError)
  t.true((await rejection(db.run({ sql, raw: true } as any))) instanceof TypeError)
})

test('a statement that writes is refused by plain reads, and taken through the lock by the others', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, 0, dir)
  const insert = db.prepare('INSERT INTO t VALUES (?, ?, 0) RETURNING id, name')
  for (const read of [() => insert.get(1, 'a'), () => insert.all(1, 'a'), () => [...insert.iterate(1, 'a')]])
    t.throws(read, { code: 'ERR_SQLOCK_SYNC_WRITE' })
  t.is((await rejection(insert.iterateAsync(1, 'a').next())).code, 'ERR_SQLOCK_SYNC_WRITE')
  t.deepEqual(await insert.run(1, 'a'), { changes: 1, lastInsertRowid: 1 })
  t.deepEqual(await insert.getAsync(2, 'b'), { id: 2, name: 'b' })
  t.deepEqual(await db.allAsync("UPDATE t SET name = name || '!' RETURNING name"), [
    { name: 'a!' },
    { name: 'b!' }
  ])
  t.deepEqual(await db.getAsync("UPDATE t SET name = 'x' RETURNING name"), { name: 'x' })
  t.deepEqual(db.all('SELECT DISTINCT name FROM t'), [{ name: 'x' }], 'it came to its end')
  t.is((await rejection(insert.getAsync(2, 'c'))).code, 'SQLITE_CONSTRAINT_PRIMARYKEY')
  const holder = await spawnHolder(t, dir)
  const refused = await rejection(db.getAsync({ sql: 'DELETE FROM t RETURNING id', timeout: 5 }))
  t.is(refused.code, 'ERR_SQLOCK_TIMEOUT')
  t.is((await db.allAsync('SELECT * FROM t')).length, 2, 'a read waits for nobody')
  await holder.kill()
})

test('in a transaction every way to read sees its writes', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    const select = tx.prepare('SELECT id FROM t').pluck()
    await tx.run("INSERT INTO t VALUES (1, 'a', 0)")
    t.deepEqual(select.all(), [1])
    t.deepEqual([...select.iterate()], [1])
    t.deepEqual(await select.allAsync(), [1])
    t.is(await select.getAsync(), 1)
    for await (const id of select.iterateAsync()) t.is(id, 1)
    t.deepEqual(await tx.getAsync("INSERT INTO t VALUES (2, 'b', 0) RETURNING id"), { id: 2 })
    t.deepEqual(await db.allAsync('SELECT count(*) AS n FROM t'), [{ n: 2 }])
    const both = [tx.run("INSERT INTO t VALUES (3, 'c', 0)"), tx.allAsync('SELECT id FROM t WHERE id = 3')]
    t.deepEqual((await Promise.all(both))[1], [{ id: 3 }], 'in the order of the calls')
  })
  const ended = await db.begin()
  const select = ended.prepare('SELECT 1')
  await ended.rollback()
  t.throws(() => select.get(), { code: 'ERR_SQLOCK_NOT_HELD' })
  t.is((await rejection(select.allAsync())).code, 'ERR_SQLOCK_NOT_HELD')
})

/** How many rows are as they were made. */
function check(rows: Iterable<any>): number {
  let n = 0
  for (const row of rows) if (row.id !== ++n || row.name !== `name ${n}` || row.value !== n + 0.5) return -n
  return n
}

test('a hundred thousand rows come in their order, by every way', async t => {
  const db = await withTable(t, 100_000)
  t.is(check(db.all('SELECT * FROM t ORDER BY id')), 100_000)
  t.is(check(db.iterate('SELECT * FROM t ORDER BY id')), 100_000)
  t.is(check(await db.allAsync('SELECT * FROM t ORDER BY id')), 100_000)
  let n = 0
  for await (const row of db.iterateAsync('SELECT * FROM t ORDER BY id')) if (row.id !== ++n) t.fail()
  t.is(n, 100_000)
})

test('an iterator keeps its snapshot while others write, and a plain read beside it is fresh', async t => {
  const db = await withTable(t, 1000)
  const [first, second] = [db.prepare('SELECT id FROM t').iterate(), db.iterate('SELECT id FROM t')]
  t.is((first.next().value as any).id, 1)
  await db.run('DELETE FROM t WHERE id > 500')
  t.is((second.next().value as any).id, 1)
  t.deepEqual(db.get('SELECT count(*) AS n FROM t'), { n: 500 })
  t.is([...first].length, 999)
  t.is([...second].length, 499)
})

test('an iterator that is left early, by break or by an error, ends its snapshot', async t => {
  const db = await withTable(t, 10_000)
  const leave = [
    () => {
      for (const row of db.iterate('SELECT * FROM t')) if (row.id === 5) break
    },
    () => {
      try {
        for (const _ of db.iterate('SELECT * FROM t')) throw new Error('left')
      } catch {}
    },
    async () => {
      for await (const row of db.iterateAsync('SELECT * FROM t')) if (row.id === 5) break
    },
    () => void db.iterate('SELECT * FROM t').return?.()
  ]
  for (const how of leave) {
    await how()
    await db.run("UPDATE t SET name = 'x' WHERE id = 1")
    await eventually(t, async () => (await db.checkpoint('TRUNCATE')).complete)
  }
  t.pass()
})

test('a statement goes with a schema that changes', async t => {
  const db = await withTable(t, 1)
  const select = db.prepare('SELECT * FROM t')
  t.deepEqual(Object.keys(select.get()!), ['id', 'name', 'value'])
  for (const [change, columns] of [
    ['ALTER TABLE t ADD COLUMN more', ['id', 'name', 'value', 'more']],
    ['ALTER TABLE t DROP COLUMN name', ['id', 'value', 'more']],
    ['DROP TABLE t; CREATE TABLE t (one); INSERT INTO t VALUES (1)', ['one']]
  ] as const) {
    await db.exec(change)
    const seen = [select.get(), select.all()[0], [...select.iterate()][0], await select.getAsync()]
    for (const row of seen) t.deepEqual(Object.keys(row!), columns as any, change)
  }
  await db.exec('DROP TABLE t')
  t.throws(() => select.get(), { name: 'SqliteError' })
})

/**
 * A connection notices that another one has changed the schema only when it runs something. So what was compiled next was
 * compiled by the schema of before: prepare() described columns that were gone, and refused what had become right.
 */
test('what is compiled goes by the schema that the last write has left', async t => {
  const dir = tmpDir(t)
  const [db, other] = [await withTable(t, 1, dir), openDb(t, dir)]
  const all = () => [db.all('SELECT * FROM t'), db.all('SELECT * FROM v')]
  await db.exec('CREATE VIEW v AS SELECT id FROM t')
  all()
  await db.exec('ALTER TABLE t RENAME COLUMN name TO called')
  t.throws(() => db.prepare('SELECT name FROM t'), { code: 'SQLITE_ERROR' })
  all()
  await db.exec('ALTER TABLE t ADD COLUMN more')
  t.is(db.prepare('SELECT * FROM t').columns().length, 4)
  all()
  await db.exec('ALTER TABLE t ADD COLUMN evenMore')
  t.is(db.all('SELECT * FROM t UNION SELECT 1, 2, 3, 4, 5').length, 2)
  const INSERT = 'INSERT INTO v VALUES (7)'
  t.throws(() => db.prepare(INSERT), { message: /because it is a view/ })
  const trigger = `CREATE TRIGGER made INSTEAD OF INSERT ON v BEGIN INSERT INTO t (id, called) VALUES (NEW.id, ''); END`
  await db.exec(trigger)
  t.notThrows(() => db.prepare(INSERT))
  await db.exec('DROP TRIGGER made')
  await db.run('DELETE FROM t')
  for (const write of [db.run.bind(db), db.exec.bind(db)]) {
    await other.exec(trigger)
    await write(INSERT)
    t.deepEqual(db.all('SELECT id FROM t'), [{ id: 7 }])
    await other.exec('DROP TRIGGER made; DELETE FROM t')
    t.is((await rejection(write(INSERT))).code, 'SQLITE_ERROR')
  }
})

/** They used to be held for ever, with a thread, a connection and a snapshot each, which keeps checkpoints from their end. */
test('an iterator that nobody goes on with ends its snapshot when it is collected', async t => {
  const db = await withTable(t, 10_000)
  const begin = async () => {
    db.iterate('SELECT * FROM t')
    db.iterate('SELECT * FROM t').next()
    await db.iterateAsync('SELECT * FROM t').next()
  }
  await begin()
  await db.run("UPDATE t SET name = 'x' WHERE id = 1")
  await eventually(t, async () => {
    globalThis.gc?.()
    return (await db.checkpoint('TRUNCATE')).complete
  })
  t.pass()
})

test('close() ends iterators, and waits for reads that workers do', async t => {
  const db = await withTable(t, 10_000)
  const [sync, later] = [db.iterate('SELECT * FROM t'), db.iterateAsync('SELECT * FROM t')]
  sync.next()
  await later.next()
  const reading = db.allAsync('SELECT * FROM t')
  await db.close()
  t.is((await reading).length, 10_000)
  t.throws(() => [...sync], { code: 'ERR_SQLOCK_CLOSED' })
  const rest = async () => {
    for await (const _ of later);
  }
  t.is((await rejection(rest())).code, 'ERR_SQLOCK_CLOSED')
  t.is((await rejection(db.allAsync('SELECT 1'))).code, 'ERR_SQLOCK_CLOSED')
  t.throws(() => db.prepare('SELECT 1'), { code: 'ERR_SQLOCK_CLOSED' })
})

test('a hundred reads at once are all answered, in the order of their calls', async t => {
  for (const readers of [1, 2]) {
    const db = await withTable(t, 10, tmpDir(t), { readers })
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
  const db = await withTable(t, 0, tmpDir(t), { readers: 1 })
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

test('the event loop stays free while a worker reads', async t => {
  const db = await withTable(t)
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

if (has('python3')) {
  test('a read is never older than what another process has committed', async t => {
    const db = await withTable(t, 1)
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
  const db = await withTable(t, 1, dir)
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
    const db = await withTable(t, 10)
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

test('reads of a database that is not in WAL mode are plain', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  t.deepEqual([db.all('SELECT name FROM sqlite_schema'), db.all('SELECT name FROM sqlite_schema')], [[], []])
  t.deepEqual(readdirSync(dir), ['app.db'])
  await db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
  for (let n = 0; n < 3; n++) t.deepEqual(db.all('SELECT a FROM t'), [{ a: 1 }])
})

test('SQLite has its mathematical functions', t => {
  t.deepEqual(openDb(t).get('SELECT sqrt(2) AS root, pow(2, 10) AS power, pi() AS pi'), {
    root: Math.SQRT2,
    power: 1024,
    pi: Math.PI
  })
})
