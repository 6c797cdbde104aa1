/** The records API. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { rejection } from './helpers/block.ts'
import { hasSql, sql } from './helpers/sqlite.ts'
import type { DB } from '../index.js'
import { openDb, tmpDir } from './helpers/tmp.ts'

/** All that read records: one, or a list. */
const READS: Record<string, (db: DB) => unknown> = {
  getRecord: db => db.getRecord(1),
  getAllRecords: db => db.getAllRecords(),
  getRecordAsync: db => db.getRecordAsync(1),
  getAllRecordsAsync: db => db.getAllRecordsAsync(),
  'getRecord in a transaction': db => db.transaction(async () => db.getRecord(1)),
  'getAllRecordsAsync in a transaction': db => db.transaction(() => db.getAllRecordsAsync())
}
const noneOf = (name: string) => (name.startsWith('getAll') ? [] : undefined)
const oneOf = (name: string) => {
  const record = { id: 1, name: 'a', value: 1 }
  return name.startsWith('getAll') ? [record] : record
}

for (const [name, read] of Object.entries(READS)) {
  test(`${name}: without the table there is no record, until another process makes it`, async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir)
    // An index is no table.
    await db.exec('CREATE TABLE other (a); CREATE INDEX records ON other (a)')
    for (let n = 0; n < 2; n++) t.deepEqual(await read(db), noneOf(name))
    await db.exec('DROP INDEX records')
    const program = `
      import { DB } from '${new URL('../index.mjs', import.meta.url)}'
      const db = new DB(process.argv[1] + '/app.db')
      await db.createRecord('a', 1)
      await db.close()`
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, dir])
    t.deepEqual(await read(db), oneOf(name))
    await db.exec('DROP TABLE records')
    t.deepEqual(await read(db), noneOf(name))
  })

  for (const [what, schema] of Object.entries({
    'a view without the columns': 'CREATE VIEW records AS SELECT 1 AS id',
    'a table without the columns, its name in capitals': 'CREATE TABLE RECORDS (id INTEGER PRIMARY KEY)',
    'a view of a table that is gone':
      'CREATE TABLE gone (id, name, value); CREATE VIEW records AS SELECT * FROM gone; DROP TABLE gone'
  }))
    test(`${name}: ${what} is an error`, async t => {
      const db = openDb(t)
      await db.exec(schema)
      const error = await rejection((async () => read(db))())
      t.is(error.code, 'SQLITE_ERROR')
      t.regex(error.message, /^no such (column|table)/)
    })
}

test('a record is created, read, updated', async t => {
  const db = openDb(t)
  const id = await db.createRecord('test', 42)
  t.is(id, 1)
  t.deepEqual(db.getRecord(id), { id: 1, name: 'test', value: 42 })
  t.is(await db.updateRecord(id, 43), undefined)
  t.is(db.getRecord(1)?.value, 43)
  t.is(db.getRecord(2), undefined)
})

test('updateRecord resolves also when no row has that id', async t => {
  const db = openDb(t)
  t.is(await db.updateRecord(7, 1), undefined)
  t.deepEqual(db.getAllRecords(), [])
})

test('all records come in the order of their ids', async t => {
  const db = openDb(t)
  for (const name of ['a', 'b', 'c']) await db.createRecord(name, name.charCodeAt(0))
  t.deepEqual(
    db.getAllRecords().map(({ id, name }) => [id, name]),
    [
      [1, 'a'],
      [2, 'b'],
      [3, 'c']
    ]
  )
})

test('100 writes at once all succeed with ids of their own', async t => {
  const db = openDb(t)
  const ids = await Promise.all(Array.from({ length: 100 }, (_, n) => db.createRecord(`n${n}`, n)))
  t.deepEqual(
    ids,
    Array.from({ length: 100 }, (_, n) => n + 1)
  )
})

test('a write is there for others when it resolves', async t => {
  const dir = tmpDir(t)
  const [db, other] = [openDb(t, dir), openDb(t, dir)]
  const id = await db.createRecord('a', 1)
  t.is(other.getRecord(id)?.name, 'a')
})

for (const name of [
  '',
  'NUL\0in the middle\0',
  '😀 ☃ é',
  "Robert'); DROP TABLE records;--",
  'x'.repeat(1 << 20)
]) {
  test(`the name ${JSON.stringify(name.slice(0, 40))} comes back as it was`, async t => {
    const db = openDb(t)
    t.is(db.getRecord(await db.createRecord(name, 1))?.name, name)
  })
}

for (const value of [0, -1, 2 ** 53 - 1, -(2 ** 53 - 1)]) {
  test(`the value ${value} comes back as it was`, async t => {
    const db = openDb(t)
    t.is(db.getRecord(await db.createRecord('a', value))?.value, value)
  })
}

test('a negative zero is the integer 0', async t => {
  const db = openDb(t)
  t.is(db.getRecord(await db.createRecord('a', -0))?.value, 0)
})

test('integers beyond 2^53 come back by mode, and are never rounded', async t => {
  const dir = tmpDir(t)
  const number = openDb(t, dir)
  const bigint = openDb(t, dir, { integers: 'bigint' })
  const auto = openDb(t, dir, { integers: 'auto' })
  for (const value of [2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const id = await number.createRecord('big', value)
    const error = t.throws(() => number.getRecord(id), { code: 'ERR_OUT_OF_RANGE' })
    t.true(error instanceof RangeError)
    t.true(error?.message.includes('column value'))
    t.throws(() => number.getAllRecords(), { instanceOf: RangeError })
    t.deepEqual(bigint.getRecord(id), { id: BigInt(id), name: 'big', value })
    t.deepEqual(auto.getRecord(id), { id, name: 'big', value })
  }
  t.is(await bigint.createRecord('small', 1), 4n)
  t.is(await auto.createRecord('small', 1), 5)
  t.is(bigint.getRecord(5n)?.value, 1n)
})

if (hasSql) {
  test('an id beyond 2^53 comes exactly, since the write cannot be refused any more', async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir)
    await db.createRecord('first', 1)
    await db.close()
    await sql(t, join(dir, 'app.db'), 'UPDATE records SET id = 9007199254740992')
    t.is((await openDb(t, dir).createRecord('next', 1)) as unknown, 9007199254740993n)
  })

  test('a table with further columns is used as it is', async t => {
    const dir = tmpDir(t)
    await sql(
      t,
      join(dir, 'app.db'),
      "CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL, extra TEXT DEFAULT 'x', at REAL)"
    )
    const db = openDb(t, dir)
    t.deepEqual(db.getRecord(await db.createRecord('a', 1)), { id: 1, name: 'a', value: 1 })
  })

  test('a write that a constraint refuses rejects with SQLite’s error and leaves nothing', async t => {
    const dir = tmpDir(t)
    await sql(
      t,
      join(dir, 'app.db'),
      'CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value INTEGER NOT NULL)'
    )
    const db = openDb(t, dir)
    await db.createRecord('a', 1)
    const error = await rejection(db.createRecord('a', 2))
    t.is(error.name, 'SqliteError')
    t.is(error.code, 'SQLITE_CONSTRAINT_UNIQUE')
    t.is(error.errcode, 2067)
    t.is(error.errstr, 'constraint failed')
    t.true(error.message.includes('records.name'))
    t.true(error.stack.includes('db.records.spec.ts'), error.stack)
    t.is(await db.createRecord('b', 3), 2)
    t.false((await db.lockStatus()).locked)
  })

  test('a record that its table ignores is rejected, and shows no id of another', async t => {
    const dir = tmpDir(t)
    await sql(
      t,
      join(dir, 'app.db'),
      'CREATE TABLE records (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT IGNORE, value INTEGER)'
    )
    const db = openDb(t, dir)
    await db.createRecord('a', 1)
    await db.createRecord('b', 2)
    const error = await rejection(db.createRecord('a', 3))
    t.is(error.code, 'SQLITE_CONSTRAINT')
    t.true(error.message.includes('not inserted'))
  })

  test('a row whose columns are not what they should be is shown as it is', async t => {
    const dir = tmpDir(t)
    await sql(
      t,
      join(dir, 'app.db'),
      "CREATE TABLE records (id INTEGER PRIMARY KEY, name, value); INSERT INTO records VALUES (1, NULL, 2.5), (2, x'00ff', 'text')"
    )
    const db = openDb(t, dir)
    t.deepEqual(db.getAllRecords() as unknown[], [
      { id: 1, name: null, value: 2.5 },
      { id: 2, name: Buffer.from([0, 255]), value: 'text' }
    ])
  })
}
