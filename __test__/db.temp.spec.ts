/** TEMP objects: they are of the writing connection, and end with the transaction that makes them. */
import test from 'ava'
import type { DB, Transaction } from '../index.js'
import { rejection } from './helpers/block.ts'
import { values, withTable } from './helpers/table.ts'

/** All that makes something there. */
const MAKE = [
  'CREATE TEMP TABLE x (a)',
  'CREATE TEMPORARY TABLE IF NOT EXISTS x (a)',
  'CREATE TABLE temp.x (a)',
  'CREATE TEMP TABLE x AS SELECT 1 AS a',
  'CREATE TEMP VIEW x AS SELECT a FROM t',
  'CREATE VIEW temp.x AS SELECT a FROM t',
  'CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END',
  'CREATE TRIGGER temp.x AFTER INSERT ON main.t BEGIN SELECT 1; END',
  'CREATE VIRTUAL TABLE temp.x USING fts5(a)'
]

/** Names of what is there, in a transaction of its own. */
const left = (db: DB) =>
  db.transaction(async tx => tx.all('SELECT name FROM sqlite_temp_schema').map(({ name }) => name))

const fail = async (act: () => Promise<unknown>) => void (await rejection(act()))

for (const sql of MAKE) {
  test(`${sql}: outside of a transaction it is refused`, async t => {
    const db = await withTable(t)
    const acts = [
      () => db.run(sql),
      () => db.execute(sql),
      () => db.getAsync(sql),
      () => db.withWriteLock(() => db.run(sql)),
      () => db.exec(sql),
      () => Promise.all([db.run(sql), db.run('DELETE FROM t')])
    ]
    // A statement that is kept must not deceive.
    await db.transaction(tx => tx.run(sql))
    for (const act of acts) {
      const error = await rejection(act())
      t.is(error.code, 'SQLITE_AUTH')
      t.regex(error.message, /TEMP object.*transaction\(\)/)
    }
    t.deepEqual(await left(db), [])
  })

  test(`${sql}: in a transaction it is there until its end`, async t => {
    const db = await withTable(t)
    const make = async (tx: Transaction) => {
      await tx.run(sql)
      t.true(tx.all('SELECT name FROM sqlite_temp_schema').length > 0)
    }
    for (const act of [
      () => db.transaction(make),
      () => db.transaction(tx => tx.savepoint(make)),
      () => db.transaction(tx => tx.exec(`${sql}; INSERT INTO t VALUES (1); DELETE FROM t`)),
      () => db.batch([sql, 'INSERT INTO t VALUES (1)', 'DELETE FROM t']),
      () => db.withWriteLock(() => db.transaction(make)),
      () => fail(() => db.batch([sql, 'SELECT missing'])),
      () => fail(() => db.transaction(async tx => (await make(tx), Promise.reject(new Error('no'))))),
      () =>
        fail(() =>
          db.transaction(async tx => (await make(tx), tx.run('INSERT OR ROLLBACK INTO t VALUES (1), (1)')))
        ),
      async () => {
        const tx = await db.begin()
        await make(tx)
        await tx.commit()
      },
      async () => {
        await using tx = await db.begin()
        await make(tx)
      }
    ]) {
      await act()
      t.deepEqual(await left(db), [], String(act))
    }
  })
}

test('a TEMP table that had the name of another one is gone: the next write goes to the table', async t => {
  const db = await withTable(t)
  await db.transaction(async tx => {
    await tx.run('CREATE TEMP TABLE t (a)')
    await tx.run('INSERT INTO t VALUES (1)')
    await tx.run('INSERT INTO main.t VALUES (2)')
  })
  await db.run('INSERT INTO t VALUES (3)')
  t.deepEqual(values(db), [2, 3])
})

test('TEMP tables that refer to each other, with rows, an index and a view, are gone', async t => {
  const db = await withTable(t)
  await db.transaction(tx =>
    tx.exec(`CREATE TEMP TABLE p (id INTEGER PRIMARY KEY); CREATE TEMP TABLE c (p REFERENCES p);
      INSERT INTO p VALUES (1); INSERT INTO c VALUES (1); CREATE INDEX temp.i ON c (p);
      CREATE TEMP VIEW v AS SELECT * FROM c; ALTER TABLE temp.p ADD COLUMN b`)
  )
  t.deepEqual(await left(db), [])
})

test('a script may use a TEMP table, if it drops it', async t => {
  const db = await withTable(t)
  await db.exec('CREATE TEMP TABLE x AS SELECT 1 AS a; INSERT INTO t SELECT a FROM x; DROP TABLE x')
  t.is((await rejection(db.exec('INSERT INTO t VALUES (2); CREATE TEMP TABLE x (a)'))).code, 'SQLITE_AUTH')
  t.deepEqual(values(db), [1])
  t.deepEqual(await left(db), [])
})
