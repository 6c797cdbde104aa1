/** prepare(), and the rows that a statement gives. */
import test from 'ava'
import { rejection } from './helpers/block.ts'
import { spawnHolder } from './helpers/child.ts'
import { withRows } from './helpers/table.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

test('a statement tells what it is', async t => {
  const db = await withRows(t, 0)
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
  const db = await withRows(t, 0)
  for (const sql of ['SELEC 1', 'SELECT none FROM t', 'SELECT * FROM none', 'SELECT 1; SELECT 2', '', '-- x'])
    t.throws(() => db.prepare(sql), { name: 'SqliteError' }, sql)
  for (const sql of ['BEGIN', 'COMMIT', 'SAVEPOINT a'])
    t.throws(() => db.prepare(sql), { code: 'ERR_SQLOCK_TRANSACTION' }, sql)
  t.throws(() => db.prepare("ATTACH 'x' AS y"), { code: 'SQLITE_AUTH' })
  t.throws(() => db.prepare('SELECT 1\0'), { code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => db.prepare(5 as any), { instanceOf: TypeError })
})

test('a space that is not ASCII and a comment without an end are what SQLite takes them for', async t => {
  const db = await withRows(t, 0)
  for (let n = 0; n < 2; n++) {
    t.deepEqual(db.all('SELECT 1 AS a\u00a0'), [{ 'a\u00a0': 1 }])
    t.deepEqual(db.all('SELECT 1 AS a /* '), [{ a: 1 }])
    t.throws(() => db.all('\u00a0SELECT 1 AS a'), { code: 'SQLITE_ERROR' })
    await db.run("INSERT INTO t (name) VALUES ('a') /* ")
  }
  t.is(db.all('SELECT * FROM t').length, 2)
})

test('a name may have what SQLite allows in one', async t => {
  const db = await withRows(t, 0)
  for (const name of ['a', '1', 'é_$', 'a::b', 'a(b)', 'a::b(c,d)', '\u{1f600}', '__proto__'])
    for (const prefix of [':', '@', '$'])
      for (const key of [name, prefix + name]) {
        const params = Object.fromEntries([[key, 5]])
        t.is(db.prepare(`SELECT ${prefix}${name}`).pluck().get(params) as any, 5, key)
      }
  t.deepEqual(db.get("SELECT concat(':a(',:b) AS c", { b: 5 }), { c: ':a(5' })
})

test('get, all and iterate give rows as objects, as arrays, or their first column', async t => {
  const db = await withRows(t, 3)
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
  const db = await withRows(t, 0)
  t.deepEqual(db.get('SELECT 1 AS a, 2 AS a, 3'), { a: 2, 3: 3 } as any)
  for (const row of [db.get('SELECT 5 AS "__proto__"'), ...db.all('SELECT 5 AS "__proto__"')]) {
    t.true(Object.hasOwn(row!, '__proto__'))
    t.is(Object.getPrototypeOf(row), Object.prototype)
  }
  t.deepEqual(db.all('SELECT 1 AS "a""b\n\\`${x}"'), [{ 'a"b\n\\`${x}': 1 }])
})

test('two thousand columns come in their order', async t => {
  const db = await withRows(t, 0)
  const columns = Array.from({ length: 2000 }, (_, n) => `${n} AS c${n}`)
  const row = Object.fromEntries(columns.map((_, n) => [`c${n}`, n]))
  const sql = `SELECT ${columns.join(', ')}`
  t.deepEqual(db.get(sql), row)
  t.deepEqual(db.all(sql), [row])
  t.deepEqual(await db.allAsync(sql), [row])
})

test('a read with options tells how its rows come, in a transaction too', async t => {
  const db = await withRows(t, 0)
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
  const db = await withRows(t, 0, dir)
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
  const db = await withRows(t, 0)
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
  const db = await withRows(t, 100_000)
  t.is(check(db.all('SELECT * FROM t ORDER BY id')), 100_000)
  t.is(check(db.iterate('SELECT * FROM t ORDER BY id')), 100_000)
  t.is(check(await db.allAsync('SELECT * FROM t ORDER BY id')), 100_000)
  let n = 0
  for await (const row of db.iterateAsync('SELECT * FROM t ORDER BY id')) if (row.id !== ++n) t.fail()
  t.is(n, 100_000)
})

test('a statement goes with a schema that changes', async t => {
  const db = await withRows(t, 1)
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
  const [db, other] = [await withRows(t, 1, dir), openDb(t, dir)]
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

test('SQLite has its mathematical functions', t => {
  t.deepEqual(openDb(t).get('SELECT sqrt(2) AS root, pow(2, 10) AS power, pi() AS pi'), {
    root: Math.SQRT2,
    power: 1024,
    pi: Math.PI
  })
})
