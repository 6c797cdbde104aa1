/** sqlock/drizzle: several processes at once. */
import test from 'ava'
import { Actor } from './helpers/child.ts'
import { generations } from './helpers/drizzle.ts'
import { migrationsFolder } from './helpers/drizzle-migrations.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const COUNT = 25

for (const generation of await generations()) {
  const { name } = generation

  test(`${name}: 4 processes count up in transactions beside plain writes, and nothing is lost or seen half done`, async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir)
    await db.exec(`CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL); INSERT INTO counters VALUES (1, 0), (2, 0);
      CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT NOT NULL)`)
    const writers = [1, 2, 3, 4].map(
      () => new Actor(t, 'drizzle-writer.mjs', [name, db.dbPath, String(COUNT)])
    )
    for (const writer of writers) t.is(await writer.says(), 'ready')
    for (const writer of writers) writer.tell('go')
    for (const writer of writers) t.deepEqual(await writer.says(), [])
    const total = writers.length * COUNT
    t.deepEqual(db.all('SELECT n FROM counters ORDER BY id'), [{ n: total }, { n: total }])
    t.deepEqual(db.all('SELECT note, count(*) AS n FROM notes GROUP BY note ORDER BY note'), [
      { note: 'batched', n: total },
      { note: 'plain', n: total },
      { note: 'returned', n: total }
    ])
    t.deepEqual(db.pragma('integrity_check'), [{ integrity_check: 'ok' }])
  })

  test(`${name}: 8 processes that migrate at once apply each migration once`, async t => {
    const dir = tmpDir(t)
    const steps = Array.from({ length: 5 }, (_, n) => `step ${n}`)
    const migrations = [
      'CREATE TABLE steps (step TEXT)',
      ...steps.map(step => `INSERT INTO steps VALUES ('${step}')`)
    ]
    const folder = migrationsFolder(t, generation, migrations)
    const migrators = steps
      .concat(['six', 'seven', 'eight'])
      .map(() => new Actor(t, 'drizzle-migrator.mjs', [name, `${dir}/app.db`, folder]))
    for (const migrator of migrators) t.is(await migrator.says(), 'ready')
    for (const migrator of migrators) migrator.tell('go')
    const expected = steps.map(step => ({ step }))
    for (const migrator of migrators) t.deepEqual(await migrator.says(), expected)
    t.is(migrators.length, 8)
    const db = openDb(t, dir)
    t.deepEqual(db.all('SELECT step FROM steps ORDER BY rowid'), expected)
    t.deepEqual(db.get('SELECT count(*) AS n FROM __drizzle_migrations'), { n: migrations.length })
  })
}
