/**
 * Kept statements after another connection has changed the schema. SQLite compiles them anew by the schema that the connection
 * knows, which may be out of date by then: a statement that was refused once used to be refused for ever.
 */
import test from 'ava'
import type { DB } from '../index.js'
import { rejection } from './helpers/block.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const TABLE = 'CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2)'

/** What is there, a statement, what makes SQLite refuse it, and what ends that. */
const SCENES: Record<string, [setup: string, sql: string, breaks: string, mends: string]> = {
  'a column comes and goes': [
    TABLE,
    'INSERT INTO t VALUES (1, 2) RETURNING a',
    'ALTER TABLE t ADD COLUMN c',
    'ALTER TABLE t DROP COLUMN c'
  ],
  'a unique index goes and comes': [
    `${TABLE}; CREATE UNIQUE INDEX i ON t (a)`,
    'INSERT INTO t VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET b = 3 RETURNING a',
    'DROP INDEX i',
    'CREATE UNIQUE INDEX i ON t (a)'
  ],
  'the table is a view for a while': [
    TABLE,
    'UPDATE t SET b = 2 RETURNING a',
    'ALTER TABLE t RENAME TO t2; CREATE VIEW t AS SELECT * FROM t2',
    'DROP VIEW t; ALTER TABLE t2 RENAME TO t'
  ],
  'the halves of a UNION differ for a while': [
    `${TABLE}; CREATE TABLE u (a, b)`,
    'SELECT * FROM t UNION SELECT * FROM u',
    'ALTER TABLE t ADD COLUMN c',
    'ALTER TABLE t DROP COLUMN c'
  ],
  'a view has more columns than names for a while': [
    `${TABLE}; CREATE VIEW v (x, y) AS SELECT * FROM t`,
    'SELECT * FROM v',
    'ALTER TABLE t ADD COLUMN c',
    'ALTER TABLE t DROP COLUMN c'
  ]
}

type Ask = (db: DB, sql: string) => unknown
const ASYNC: Record<string, Ask> = {
  run: (db, sql) => db.run(sql),
  getAsync: (db, sql) => db.getAsync(sql),
  allAsync: (db, sql) => db.allAsync(sql),
  execute: (db, sql) => db.execute(sql),
  batch: (db, sql) => db.batch([sql]),
  transaction: (db, sql) => db.transaction(tx => tx.run(sql)),
  statement: (db, sql) => db.prepare(sql).allAsync()
}
const PLAIN: Record<string, Ask> = {
  get: (db, sql) => db.get(sql),
  all: (db, sql) => db.all(sql),
  iterate: (db, sql) => [...db.iterate(sql)],
  getAsync: (db, sql) => db.getAsync(sql),
  allAsync: (db, sql) => db.allAsync(sql),
  execute: (db, sql) => db.execute(sql),
  'get in a transaction': (db, sql) => db.transaction(async tx => tx.get(sql))
}

for (const [name, [setup, sql, breaks, mends]] of Object.entries(SCENES))
  test(`a statement is refused only for the schema that there is: ${name}`, async t => {
    for (const [form, ask] of Object.entries(sql.startsWith('SELECT') ? PLAIN : ASYNC)) {
      const dir = tmpDir(t)
      const [db, other] = [openDb(t, dir, { timeout: 20_000 }), openDb(t, dir, { timeout: 20_000 })]
      await db.exec(setup)
      await ask(db, sql)
      await other.exec(breaks)
      t.is((await rejection((async () => ask(db, sql))())).code, 'SQLITE_ERROR', form)
      await other.exec(mends)
      await t.notThrowsAsync(async () => ask(db, sql), form)
      // The same when other statements have met the schema in between, and this one has not run.
      await other.exec(breaks)
      const look = 'SELECT count(*) FROM sqlite_schema'
      await Promise.all([db.get(look), db.getAsync(look), db.run('DELETE FROM t WHERE 0').catch(() => {})])
      await other.exec(mends)
      await t.notThrowsAsync(async () => ask(db, sql), form)
    }
  })

test('the records API meets the schema that there is', async t => {
  const dir = tmpDir(t)
  const [db, other] = [openDb(t, dir, { timeout: 20_000 }), openDb(t, dir, { timeout: 20_000 })]
  const calls = [
    () => db.createRecord('a', 1),
    () => db.updateRecord(1, 2),
    async () => db.getRecord(1),
    async () => db.getAllRecords()
  ]
  for (const call of calls) await call()
  await other.exec('ALTER TABLE records RENAME TO r; CREATE VIEW records AS SELECT id, name FROM r')
  for (const call of calls.slice(0, 2)) t.is((await rejection(call())).code, 'SQLITE_ERROR')
  await other.exec('DROP VIEW records; ALTER TABLE r RENAME TO records')
  for (const call of calls) await t.notThrowsAsync(call())
  t.is(db.getAllRecords().length, 2)
})

test('columns() of a statement are those that its rows have now', async t => {
  const dir = tmpDir(t)
  const [db, other] = [openDb(t, dir, { timeout: 20_000 }), openDb(t, dir, { timeout: 20_000 })]
  await db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'x')")
  const statement = db.prepare('SELECT * FROM t').raw()
  const named = () => {
    const row = statement.get() as unknown[]
    return Object.fromEntries(statement.columns().map(({ name }, n) => [name, row[n]]))
  }
  t.deepEqual(named(), { id: 1, name: 'x' })
  await db.run('ALTER TABLE t ADD COLUMN age INTEGER DEFAULT 7')
  t.deepEqual(named(), { id: 1, name: 'x', age: 7 })
  const swap = [
    ['name', 'was'],
    ['age', 'name'],
    ['was', 'age']
  ]
  await other.exec(swap.map(([from, to]) => `ALTER TABLE t RENAME COLUMN ${from} TO ${to}`).join(';'))
  t.deepEqual(named(), { id: 1, age: 'x', name: 7 })
  await db
    .transaction(async tx => {
      const inside = tx.prepare('SELECT * FROM t')
      await tx.run('ALTER TABLE t DROP COLUMN age')
      t.is(inside.columns().length, 2)
      throw new Error('back')
    })
    .catch(() => {})
  t.is(statement.columns().length, 3)
  await other.exec('DROP TABLE t')
  t.throws(() => statement.columns(), { code: 'SQLITE_ERROR', message: /no such table/ })
  t.true(statement.reader && statement.readonly)
})
