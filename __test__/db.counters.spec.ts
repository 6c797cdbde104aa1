/** last_insert_rowid(), changes() and total_changes() in SQL: the values of one caller, and of nobody else. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { rejection } from './helpers/block.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const PARENT = 'INSERT INTO parent (name) VALUES (1)'
const CHILD = 'INSERT INTO child VALUES (last_insert_rowid(), changes(), total_changes())'
const COUNTS = 'SELECT last_insert_rowid() AS parent, changes() AS changes, total_changes() AS total'

/** With 40 rows in `parent`, of which no later caller may hear. */
async function family(t: ExecutionContext, dir = tmpDir(t)) {
  const db = openDb(t, dir)
  await db.exec(`CREATE TABLE parent (id INTEGER PRIMARY KEY, name);
    CREATE TABLE child (parent INTEGER, changes INTEGER, total INTEGER)`)
  await db.batch(Array.from({ length: 40 }, () => PARENT))
  return db
}

type Family = Awaited<ReturnType<typeof family>>

const children = (db: Family) => db.all('SELECT * FROM child ORDER BY rowid')

const CALLERS: [string, (db: Family) => Promise<unknown>][] = [
  ['a batch', db => db.batch([PARENT, CHILD, CHILD])],
  ['a script', db => db.exec(`${PARENT}; ${CHILD}; ${CHILD}`)],
  [
    'a transaction',
    db =>
      db.transaction(async tx => {
        await tx.run(PARENT)
        await tx.run(CHILD)
        await tx.execute(CHILD)
      })
  ],
  [
    'a transaction whose writes are issued at once',
    db => db.transaction(tx => Promise.all([tx.run(PARENT), tx.run(CHILD), tx.run(CHILD)]))
  ],
  ['a batch in a transaction', db => db.transaction(tx => tx.batch([PARENT, CHILD, CHILD]))],
  ['a script in a transaction', db => db.transaction(tx => tx.exec(`${PARENT}; ${CHILD}; ${CHILD}`))],
  [
    'a savepoint',
    db =>
      db.transaction(async tx => {
        await tx.run(PARENT)
        await tx.savepoint(async inner => {
          await inner.run(CHILD)
          await inner.batch([CHILD])
        })
      })
  ],
  [
    'begin()',
    async db => {
      const tx = await db.begin()
      await tx.run(PARENT)
      await tx.prepare(CHILD).run()
      await tx.run(CHILD)
      await tx.commit()
    }
  ],
  [
    'withWriteLock()',
    db =>
      db.withWriteLock(async () => {
        await db.run(PARENT)
        await db.run(CHILD)
        await db.run(CHILD)
      })
  ],
  [
    'withWriteLock() with batches, scripts and transactions in it',
    db =>
      db.withWriteLock(async () => {
        await db.exec(PARENT)
        await db.transaction(tx => tx.run(CHILD))
        await db.batch([CHILD])
      })
  ],
  [
    'a migration',
    db =>
      db.migrate([
        {
          id: '1',
          up: async tx => {
            // Those of the migrations' own table come before.
            await tx.run(PARENT)
            const before = tx.get(COUNTS) as { total: number }
            await tx.run(CHILD)
            await tx.run(CHILD)
            await tx.run('UPDATE child SET total = total - ?', before.total - 1)
          }
        }
      ])
  ]
]

for (const [name, write] of CALLERS) {
  test(`${name}: each statement sees what the statements before it did`, async t => {
    const db = await family(t)
    await write(db)
    t.deepEqual(children(db), [
      { parent: 41, changes: 1, total: 1 },
      { parent: 1, changes: 1, total: 2 }
    ])
  })
}

test('withLock() of a locker: each database of the directory has values of its own', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  const db = await family(t, dir)
  const other = openDb(t, dir)
  await locker.withLock(async () => {
    await db.run(PARENT)
    await other.run(CHILD)
    await other.run("UPDATE parent SET name = 'x'")
    await db.run(CHILD)
    await other.run(CHILD)
  })
  t.deepEqual(children(db), [
    { parent: 0, changes: 0, total: 0 },
    { parent: 41, changes: 1, total: 1 },
    { parent: 1, changes: 41, total: 42 }
  ])
})

test('each caller starts with zeros', async t => {
  const db = await family(t)
  await Promise.all([db.batch([CHILD]), db.run(PARENT), db.exec(CHILD), db.transaction(tx => tx.run(CHILD))])
  await db.withWriteLock(() => db.run(CHILD))
  await db.withWriteLock(() => db.run(CHILD))
  t.deepEqual(
    children(db),
    Array.from({ length: 5 }, () => ({ parent: 0, changes: 0, total: 0 }))
  )
})

test('reads in a transaction give them', async t => {
  const db = await family(t)
  await db.transaction(async tx => {
    t.deepEqual(tx.get(COUNTS), { parent: 0, changes: 0, total: 0 })
    await tx.run('INSERT INTO parent (name) VALUES (1), (2)')
    const counts = { parent: 42, changes: 2, total: 2 }
    const prepared = tx.prepare(COUNTS)
    t.deepEqual(tx.get(COUNTS), counts)
    t.deepEqual(tx.all(COUNTS), [counts])
    t.deepEqual([...tx.iterate(COUNTS)], [counts])
    t.deepEqual(await tx.getAsync(COUNTS), counts)
    t.deepEqual(await tx.allAsync(COUNTS), [counts])
    t.deepEqual((await tx.execute(COUNTS)).rows, [counts])
    t.deepEqual(prepared.get(), counts)
    t.deepEqual(prepared.get(), counts)
    await tx.run("UPDATE parent SET name = 'x' WHERE 0")
    t.deepEqual(tx.get(COUNTS), { parent: 42, changes: 0, total: 2 })
    await rejection(
      tx.savepoint(async inner => {
        await inner.run(PARENT)
        throw new Error('undone')
      })
    )
    t.deepEqual(tx.get(COUNTS), { parent: 43, changes: 1, total: 3 })
  })
})

const REFUSED = {
  code: 'SQLITE_AUTH',
  message: /use lastInsertRowid of run\(\), or a transaction$/
}

for (const call of ['last_insert_rowid()', 'changes()', 'total_changes ( )', 'CHANGES()', '"changes"()']) {
  test(`${call} is refused outside, where it would tell of other callers`, async t => {
    const db = await family(t)
    const insert = `INSERT INTO child (parent) VALUES (${call})`
    const read = `SELECT ${call} AS n`
    const calls: [string, () => unknown][] = [
      ['run', () => db.run(insert)],
      ['run of UPDATE', () => db.run(`UPDATE parent SET name = ${call}`)],
      ['run of DELETE', () => db.run(`DELETE FROM parent WHERE id = ${call}`)],
      ['run of SELECT', () => db.run(read)],
      ['RETURNING', () => db.getAsync(`${PARENT} RETURNING ${call}`)],
      ['a CTE of a write', () => db.run(`WITH c AS (${read}) INSERT INTO child (parent) SELECT n FROM c`)],
      ['execute', () => db.execute(insert)],
      ['execute of a read', () => db.execute(read)],
      ['a prepared write', () => db.prepare(insert).run()],
      ['get', () => db.get(read)],
      ['all', () => db.all(read)],
      ['iterate', () => [...db.iterate(read)]],
      ['a CTE', () => db.get(`WITH c AS (${read}) SELECT * FROM c`)],
      ['a subquery', () => db.get(`SELECT * FROM (${read}) AS q`)],
      ['getAsync', () => db.getAsync(read)],
      ['allAsync', () => db.allAsync(read)],
      ['iterateAsync', () => db.iterateAsync(read).next()],
      ['a prepared read', () => db.prepare(read).get()],
      ['a read under a hold', () => db.withWriteLock(async () => db.get(read))]
    ]
    for (const [name, attempt] of calls) {
      await t.throwsAsync(async () => attempt(), REFUSED, name)
    }
    t.deepEqual(children(db), [])
  })
}

test('a text that ran in a transaction is still refused outside, and the other way round', async t => {
  const db = await family(t)
  const statement = db.prepare(COUNTS)
  for (let n = 0; n < 3; n++) {
    await t.throwsAsync(db.run(CHILD), REFUSED)
    t.throws(() => statement.get(), REFUSED)
    await db.transaction(async tx => {
      await tx.run(CHILD)
      t.is((statement.get() as any).total, 1)
      t.is((tx.get(COUNTS) as any).total, 1)
    })
  }
})

test('a write that is refused harms no neighbour', async t => {
  const db = await family(t)
  const neighbours = [db.run(PARENT), db.run(CHILD), db.run(PARENT)]
  const [first, refused, last] = await Promise.allSettled(neighbours)
  t.like(first, { value: { changes: 1, lastInsertRowid: 41 } })
  t.like(refused, { status: 'rejected', reason: { code: 'SQLITE_AUTH' } })
  t.like(last, { value: { changes: 1, lastInsertRowid: 42 } })
})

test('a trigger may use them: they tell of its own statements', async t => {
  const db = await family(t)
  await db.run(`CREATE TRIGGER counted AFTER INSERT ON parent BEGIN ${CHILD}; ${CHILD}; END`)
  for (let n = 0; n < 2; n++) await db.run(PARENT)
  t.deepEqual(children(db), [
    { parent: 41, changes: 0, total: 0 },
    { parent: 1, changes: 1, total: 1 },
    { parent: 42, changes: 0, total: 0 },
    { parent: 3, changes: 1, total: 1 }
  ])
})

test('in a view and a DEFAULT they are refused outside where they would be computed', async t => {
  const db = await family(t)
  await db.exec(`CREATE VIEW v AS ${COUNTS}; CREATE VIEW w AS SELECT parent FROM v;
    CREATE TABLE d (a, parent DEFAULT (last_insert_rowid()));
    CREATE VIEW reads AS SELECT * FROM d`)
  for (const text of ['SELECT * FROM v', 'SELECT * FROM w']) t.throws(() => db.get(text), REFUSED)
  for (const text of ['INSERT INTO child (parent) SELECT parent FROM w', 'INSERT INTO d (a) VALUES (1)']) {
    await t.throwsAsync(db.run(text), REFUSED, text)
  }
  await db.batch([PARENT, 'INSERT INTO d (a) VALUES (1)'])
  t.deepEqual(db.get('SELECT * FROM d'), { a: 1, parent: 41 })
  t.deepEqual(db.get('SELECT * FROM reads'), { a: 1, parent: 41 })
  t.deepEqual(await db.run('UPDATE d SET a = 2'), { changes: 1, lastInsertRowid: 0 })
  t.deepEqual(await db.run('DELETE FROM d'), { changes: 1, lastInsertRowid: 0 })
})

test('a statement is described wherever it is', async t => {
  const db = await family(t)
  t.deepEqual(
    db
      .prepare(COUNTS)
      .columns()
      .map(column => column.name),
    ['parent', 'changes', 'total']
  )
  t.false(db.prepare(CHILD).reader)
})

test('a column and a table may have their names', async t => {
  const db = await family(t)
  await db.run('CREATE TABLE changes (changes, last_insert_rowid)')
  await db.run('INSERT INTO changes (changes, last_insert_rowid) VALUES (1, 2)')
  t.deepEqual(db.get('SELECT changes, last_insert_rowid FROM changes'), { changes: 1, last_insert_rowid: 2 })
})

test('the rowid of a child that is that of its parent is told', async t => {
  const db = openDb(t)
  await db.exec('CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY)')
  const insert = 'INSERT OR IGNORE INTO b VALUES (last_insert_rowid())'
  const results = await db.batch(['INSERT INTO a VALUES (5)', insert, insert])
  t.deepEqual(
    results.map(result => result.lastInsertRowid),
    [5, 5, 0]
  )
})

test('in a CHECK they tell of the caller, and so of nothing before a write of its own', async t => {
  const db = openDb(t)
  await db.exec('CREATE TABLE t (a CHECK (a = last_insert_rowid()), b CHECK (b = total_changes()))')
  await db.run('INSERT INTO t VALUES (0, 0)')
  await db.run('INSERT INTO t VALUES (0, 0)')
  await db.batch(['INSERT INTO t VALUES (0, 0)', 'INSERT INTO t VALUES (3, 1)'])
  t.is((await rejection(db.run('INSERT INTO t VALUES (4, 1)'))).code, 'SQLITE_CONSTRAINT_CHECK')
})
