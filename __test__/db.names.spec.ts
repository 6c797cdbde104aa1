/**
 * Names that are no UTF-8, as another program can put them into a schema. Each comes with U+FFFD for such bytes. They used to print the
 * text of a panic, and to be "a bug in sqlock".
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { DB } from '../index.js'
import { openDb, tmpDir } from './helpers/tmp.ts'

/** Each ~ becomes a byte that is in no UTF-8. The statements of the tests reach what has one in its own name by names without. */
const SCHEMA = `
  CREATE TABLE t ("a~" "TY~PE", "b~" INTEGER CONSTRAINT "positive~" CHECK ("b~" > 0), c INTEGER, UNIQUE (c, "b~"));
  INSERT INTO t VALUES (1, 2, 3);
  CREATE TABLE "log~" ("what~" TEXT UNIQUE, id INTEGER);
  CREATE TRIGGER "on~" AFTER INSERT ON t BEGIN
    INSERT INTO "log~" VALUES ('~', new.c);
    UPDATE "log~" SET id = last_insert_rowid() WHERE "what~" = 'never';
  END;
  CREATE VIEW "inner~" AS SELECT "a~" AS "x~", c FROM t;
  CREATE VIEW v AS WITH "cte~" ("y~") AS (SELECT "x~" FROM "inner~") SELECT "y~", 1 AS "z~" FROM "cte~";
  CREATE VIEW log AS SELECT * FROM "log~";
  CREATE INDEX "index~" ON t ("a~");
  CREATE TABLE "child~" ("t~" REFERENCES "log~" ("what~"));
  CREATE VIEW child AS SELECT * FROM "child~";
  CREATE TRIGGER "child~" INSTEAD OF INSERT ON child BEGIN INSERT INTO "child~" VALUES (new."t~"); END;
  CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL, "more~");
  CREATE TRIGGER "record~" AFTER INSERT ON records BEGIN INSERT INTO "log~" VALUES (new.name, new.id); END`

/** A file with that schema. */
async function foreignFile(t: ExecutionContext): Promise<string> {
  const dir = tmpDir(t)
  const db = new DB(join(dir, 'app.db'))
  await db.exec(SCHEMA)
  await db.close()
  const bytes = readFileSync(join(dir, 'app.db'))
  for (const [index, byte] of bytes.entries()) if (byte === '~'.charCodeAt(0)) bytes[index] = 0xff
  writeFileSync(join(dir, 'app.db'), bytes)
  return dir
}

const foreign = async (t: ExecutionContext) => openDb(t, await foreignFile(t))

const ALL = 'SELECT * FROM t'
const ROW = { 'a\ufffd': 1, 'b\ufffd': 2, c: 3 }

async function collect<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const row of rows) all.push(row)
  return all
}

type Read = (db: DB, sql: string) => unknown

const READS: Record<string, Read> = {
  'get()': (db, sql) => [db.get(sql)],
  'all()': (db, sql) => db.all(sql),
  'iterate()': (db, sql) => [...db.iterate(sql)],
  'getAsync()': async (db, sql) => [await db.getAsync(sql)],
  'allAsync()': (db, sql) => db.allAsync(sql),
  'iterateAsync()': (db, sql) => collect(db.iterateAsync(sql)),
  'execute()': async (db, sql) => (await db.execute(sql)).rows,
  'get() of a prepared statement': (db, sql) => [db.prepare(sql).get()],
  'get() in a transaction': (db, sql) => db.transaction(async tx => [tx.get(sql)]),
  'all() in a transaction': (db, sql) => db.transaction(async tx => tx.all(sql)),
  'iterate() in a transaction': (db, sql) => db.transaction(async tx => [...tx.iterate(sql)]),
  'allAsync() in a transaction': (db, sql) => db.transaction(tx => tx.allAsync(sql)),
  'iterateAsync() in a transaction': (db, sql) => db.transaction(tx => collect(tx.iterateAsync(sql))),
  'execute() in a transaction': (db, sql) => db.transaction(async tx => (await tx.execute(sql)).rows)
}

for (const [name, read] of Object.entries(READS))
  test(`${name}: names of columns that are no UTF-8 come with U+FFFD`, async t => {
    const db = await foreign(t)
    const view = { 'y\ufffd': 1, 'z\ufffd': 1 }
    // Again, by the statements that are kept; and a further text that is nearly the same.
    for (const end of ['', ';', '; -- the end', '', ';'])
      t.deepEqual(await read(db, `${ALL}${end}`), [ROW], end)
    t.deepEqual(await read(db, 'SELECT * FROM v'), [view])
    t.deepEqual(await read(db, 'SELECT * FROM (SELECT *, 1 FROM v)'), [{ ...view, 1: 1 }])
    t.deepEqual(await read(db, ' \nWITH cte AS (SELECT * FROM t) SELECT * FROM cte UNION SELECT * FROM t '), [
      ROW
    ])
    t.deepEqual(await read(db, 'SELECT count(*) AS n FROM t'), [{ n: 1 }])
  })

const column = (name: string, table: string, type: string | null) => ({
  name,
  column: name,
  table,
  database: 'main',
  type
})

test('columns() and raw() tell names, tables and types that are no UTF-8', async t => {
  const db = await foreign(t)
  for (const sql of [ALL, ` ${ALL};\n-- the end`]) {
    db.all(sql)
    t.deepEqual(db.prepare(sql).columns(), [
      column('a\ufffd', 't', 'TY\ufffdPE'),
      column('b\ufffd', 't', 'INTEGER'),
      column('c', 't', 'INTEGER')
    ])
    t.deepEqual(db.prepare(sql).raw().all(), [[1, 2, 3]])
  }
  t.deepEqual(db.prepare('SELECT * FROM log').columns()[0], column('what\ufffd', 'log\ufffd', 'TEXT'))
  t.deepEqual((await db.execute({ sql: `${ALL} WHERE c = 0`, raw: true })).columns, [
    'a\ufffd',
    'b\ufffd',
    'c'
  ])
})

const of = (rows: unknown, key: string) => (rows as Record<string, unknown>[]).map(row => row[key])

test('pragmas tell names that are no UTF-8', async t => {
  const db = await foreign(t)
  t.deepEqual(of(db.pragma('table_info(t)'), 'name'), ['a\ufffd', 'b\ufffd', 'c'])
  t.deepEqual(of(db.pragma('table_info(t)'), 'type'), ['TY\ufffdPE', 'INTEGER', 'INTEGER'])
  for (const name of ['log\ufffd', 'inner\ufffd']) t.true(of(db.pragma('table_list'), 'name').includes(name))
  t.true(of(db.pragma('index_list(t)'), 'name').includes('index\ufffd'))
  t.deepEqual(db.pragma('integrity_check'), [{ integrity_check: 'ok' }])
  t.deepEqual(of(db.all("SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"), 'name'), [
    'child\ufffd',
    'on\ufffd',
    'record\ufffd'
  ])
})

const INSERT = 'INSERT INTO t VALUES (?, ?, ?)'
const RETURNED = { 'a\ufffd': 'x', 'b\ufffd': 5, c: 7 }

const WRITES: Record<string, (db: DB) => unknown> = {
  'run()': db => db.run(INSERT, 'x', 5, 7),
  'batch()': db => db.batch([{ sql: INSERT, params: ['x', 5, 7] }]),
  'exec()': db => db.exec("INSERT INTO t VALUES ('x', 5, 7); SELECT * FROM t"),
  'transaction()': db => db.transaction(tx => tx.run(INSERT, 'x', 5, 7)),
  'migrate()': db => db.migrate([{ id: 'one', up: "INSERT INTO t VALUES ('x', 5, 7)" }])
}

for (const [name, write] of Object.entries(WRITES))
  test(`${name}: a write to a table with a trigger whose name is no UTF-8 is written`, async t => {
    const db = await foreign(t)
    await write(db)
    t.deepEqual(db.get(`${ALL} WHERE c = 7`), RETURNED)
    t.deepEqual(db.all('SELECT id FROM log'), [{ id: 7 }])
  })

for (const [name, write] of Object.entries<(db: DB, sql: string) => unknown>({
  'getAsync()': (db, sql) => db.getAsync(sql, 'x', 5, 7),
  'allAsync()': async (db, sql) => (await db.allAsync(sql, 'x', 5, 7))[0],
  'execute()': async (db, sql) => (await db.execute(sql, 'x', 5, 7)).rows[0],
  'getAsync() in a transaction': (db, sql) => db.transaction(tx => tx.getAsync(sql, 'x', 5, 7))
}))
  test(`${name}: RETURNING gives back columns whose names are no UTF-8`, async t => {
    const db = await foreign(t)
    t.deepEqual(await write(db, `${INSERT} RETURNING *`), RETURNED)
    t.deepEqual(db.get(`${ALL} WHERE c = 7`), RETURNED)
  })

test('a constraint that names what is no UTF-8 is an error with U+FFFD', async t => {
  const db = await foreign(t)
  const check = await t.throwsAsync(db.run(INSERT, 1, -1, 1), { code: 'SQLITE_CONSTRAINT_CHECK' })
  t.is(check?.message, 'CHECK constraint failed: positive\ufffd')
  const unique = await t.throwsAsync(db.run(INSERT, 1, 2, 3), { code: 'SQLITE_CONSTRAINT_UNIQUE' })
  t.is(unique?.message, 'UNIQUE constraint failed: t.c, t.b\ufffd')
  const tooLarge = `SELECT * FROM (SELECT * FROM t), (SELECT 9007199254740993 AS large)`
  t.throws(() => db.all(tooLarge), { instanceOf: RangeError, message: /column large/ })
})

test('records are read and written in a table with such names', async t => {
  const db = await foreign(t)
  await db.createRecord('one', 1)
  await db.updateRecord(1, 2)
  t.deepEqual(db.getRecord(1), { id: 1, name: 'one', value: 2 })
  t.deepEqual(db.getAllRecords(), [{ id: 1, name: 'one', value: 2 }])
  t.deepEqual(db.all('SELECT * FROM log'), [{ 'what\ufffd': 'one', id: 1 }])
})

test('a migration without foreign keys is checked in tables with such names, too', async t => {
  const db = await foreign(t)
  const migrations = [{ id: 'one', foreignKeys: false, up: "INSERT INTO child VALUES ('nobody')" }]
  const error = await t.throwsAsync(db.migrate(migrations), { code: 'ERR_SQLOCK_MIGRATION' })
  t.regex(error?.message ?? '', /1 more rows of child\ufffd refer to no row of log\ufffd/)
  t.deepEqual(db.all('SELECT * FROM child'), [])
})

test('names that become no UTF-8 while a statement is kept are read anew', async t => {
  const db = openDb(t)
  await db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
  t.deepEqual(db.get(ALL), { a: 1 })
  await db.transaction(async tx => {
    await tx.run('PRAGMA writable_schema = ON')
    await tx.run(
      "UPDATE sqlite_schema SET sql = replace(sql, '(a)', CAST(x'28ff29' AS TEXT)) WHERE name = 't'"
    )
    const { schema_version: version } = tx.get('PRAGMA schema_version') as { schema_version: number }
    await tx.run(`PRAGMA schema_version = ${version + 1}`)
  })
  t.deepEqual(db.get(ALL), { '\ufffd': 1 })
  t.deepEqual(db.all(ALL), [{ '\ufffd': 1 }])
  t.deepEqual(await db.allAsync(ALL), [{ '\ufffd': 1 }])
})

test('nothing is printed about such names', async t => {
  const program = `
    import { DB } from '${new URL('../index.mjs', import.meta.url)}'
    const db = new DB(process.argv[1] + '/app.db')
    await db.run("INSERT INTO t VALUES ('x', 5, 7)")
    await db.createRecord('one', 1)
    db.get('${ALL}'), db.all('${ALL}'), db.prepare('${ALL}').columns(), await db.allAsync('${ALL}')
    await db.close()`
  const node = ['--input-type=module', '-e', program, await foreignFile(t)]
  t.deepEqual(await promisify(execFile)(process.execPath, node), { stdout: '', stderr: '' })
})
