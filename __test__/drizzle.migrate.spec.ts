/** sqlock/drizzle/migrator: folders of drizzle-kit. That processes do it at once: drizzle.processes.spec.ts. */
import test from 'ava'
import { LockTimeout } from '../index.js'
import { hasBetter } from './helpers/better.ts'
import { rejection } from './helpers/block.ts'
import { run, spawnHolder } from './helpers/child.ts'
import { migrationsFolder } from './helpers/drizzle-migrations.ts'
import { type Generation, generations } from './helpers/drizzle.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const CREATE = 'CREATE TABLE t (a INTEGER)'
const INSERT = 'INSERT INTO t VALUES (1)'
const TABLES = [
  'CREATE TABLE p (id INTEGER PRIMARY KEY)',
  'CREATE TABLE c (p INTEGER REFERENCES p ON DELETE CASCADE)',
  'INSERT INTO p VALUES (1)',
  'INSERT INTO c VALUES (1)'
]
const ANEW = [
  'PRAGMA foreign_keys=OFF;',
  '\nCREATE TABLE __new_p (id INTEGER PRIMARY KEY, name TEXT);',
  '\nINSERT INTO __new_p (id) SELECT id FROM p;',
  '\nDROP TABLE p;',
  '\nALTER TABLE __new_p RENAME TO p;',
  '\nPRAGMA foreign_keys=ON;'
]
const all = await generations()

for (const generation of all) {
  const { name, drizzle, migrate, isDrizzle1 } = generation

  test(`${name}: what is missing is applied in its order, and without the lock nothing is done twice`, async t => {
    const dir = tmpDir(t)
    const client = openDb(t, dir)
    const db = drizzle(client)
    await migrate(db, { migrationsFolder: migrationsFolder(t, generation, [CREATE, [INSERT, INSERT]]) })
    const folder = migrationsFolder(t, generation, [CREATE, [INSERT, INSERT], INSERT])
    await migrate(db, { migrationsFolder: folder })
    const history = () => client.all('SELECT hash, created_at FROM __drizzle_migrations ORDER BY created_at')
    t.is(history().length, 3)
    t.deepEqual(
      history().map(row => row.created_at),
      [0, 1, 2].map(n => Date.UTC(2026, 0, 2, 3, 4, n))
    )
    const holder = await spawnHolder(t, dir)
    await migrate(db, { migrationsFolder: folder, timeout: 0 })
    const further = migrationsFolder(t, generation, [CREATE, INSERT, INSERT, INSERT])
    const refused = await rejection(migrate(db, { migrationsFolder: further, timeout: 5 }))
    t.true(refused instanceof LockTimeout)
    t.is(refused.holderInfo.pid, holder.pid)
    await holder.kill()
    t.deepEqual(client.get('SELECT count(*) AS n FROM t'), { n: 3 })
  })

  test(`${name}: one that fails leaves nothing of any, and the history as it was`, async t => {
    const client = openDb(t)
    const db = drizzle(client)
    await migrate(db, { migrationsFolder: migrationsFolder(t, generation, [CREATE]) })
    const folder = migrationsFolder(t, generation, [CREATE, INSERT, [INSERT, 'INSERT INTO none VALUES (1)']])
    const error = await rejection(migrate(db, { migrationsFolder: folder }))
    t.is(error.code, 'SQLITE_ERROR')
    t.regex(error.cause.message, /no such table: none/)
    t.deepEqual(client.all('SELECT a FROM t'), [])
    t.deepEqual(client.get('SELECT count(*) AS n FROM __drizzle_migrations'), { n: 1 })
  })

  test(`${name}: the history may be kept in another table, and a file of comments is applied as nothing`, async t => {
    const client = openDb(t)
    const comment =
      '-- Custom SQL migration file, put your code below! --\n-- -------------------\n/* and * more */ /**/\n'
    const config = {
      migrationsFolder: migrationsFolder(t, generation, [CREATE, comment, [comment, INSERT]]),
      migrationsTable: 'my history'
    }
    await migrate(drizzle(client), config)
    await migrate(drizzle(client), config)
    t.deepEqual(client.all('SELECT a FROM t'), [{ a: 1 }])
    t.deepEqual(client.get('SELECT count(*) AS n FROM "my history"'), { n: 3 })
  })

  // A table is made anew in drizzle-kit's way. In a transaction SQLite passes over PRAGMA foreign_keys, and dropping the old table
  // deleted by ON DELETE CASCADE what refers to it.
  test(`${name}: a table that is made anew with foreign keys turned off keeps what refers to it`, async t => {
    const client = openDb(t)
    const db = drizzle(client)
    await migrate(db, { migrationsFolder: migrationsFolder(t, generation, [TABLES]) })
    await migrate(db, { migrationsFolder: migrationsFolder(t, generation, [TABLES, ANEW]) })
    t.deepEqual(client.all('SELECT * FROM c'), [{ p: 1 }])
    const orphan = () => rejection(client.run('INSERT INTO c VALUES (2)'))
    t.is((await orphan()).code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
    const failing = migrationsFolder(t, generation, [TABLES, ANEW, [...ANEW, 'INSERT INTO none VALUES (1)']])
    t.is((await rejection(migrate(db, { migrationsFolder: failing }))).code, 'SQLITE_ERROR')
    t.is((await orphan()).code, 'SQLITE_CONSTRAINT_FOREIGNKEY', 'they are on again whatever has happened')
    t.deepEqual(client.all('SELECT * FROM c'), [{ p: 1 }])
  })

  // Whether they were on was asked of the connection of plain reads, and they were turned on after the migration in any case.
  test(`${name}: foreign keys that the program has turned off stay off`, async t => {
    const client = openDb(t)
    await client.run('PRAGMA foreign_keys = OFF')
    await migrate(drizzle(client), { migrationsFolder: migrationsFolder(t, generation, [TABLES, ANEW]) })
    await client.run('INSERT INTO c VALUES (2)')
    t.deepEqual(client.all('SELECT * FROM c'), [{ p: 1 }, { p: 2 }])
  })

  // The pragma was passed over in the transaction of the program, too, and the rows were gone.
  test(`${name}: a table is not made anew in a transaction of the program, where rows would follow`, async t => {
    const client = openDb(t)
    const db = drizzle(client)
    await migrate(db, { migrationsFolder: migrationsFolder(t, generation, [TABLES]) })
    const anew = migrationsFolder(t, generation, [TABLES, ANEW])
    const migrating = client.transaction(() => migrate(db, { migrationsFolder: anew }))
    t.regex((await rejection(migrating)).message, /foreign keys/)
    t.deepEqual(client.all('SELECT * FROM c'), [{ p: 1 }])
  })

  if (!isDrizzle1) continue
  test(`${name}: a history of before is taken over, and init enters what is there without applying it`, async t => {
    const before = all.find(({ isDrizzle1 }) => !isDrizzle1)!
    const client = openDb(t)
    await before.migrate(before.drizzle(client), {
      migrationsFolder: migrationsFolder(t, before, [CREATE, INSERT])
    })
    await migrate(drizzle(client), {
      migrationsFolder: migrationsFolder(t, generation, [CREATE, INSERT, INSERT])
    })
    t.deepEqual(client.all('SELECT a FROM t'), [{ a: 1 }, { a: 1 }])
    const names = client.all('SELECT name FROM __drizzle_migrations ORDER BY created_at')
    t.deepEqual(
      names,
      [0, 1, 2].map(n => ({ name: `2026010203040${n}_step` }))
    )

    const other = openDb(t)
    await other.exec(CREATE)
    const config: any = { migrationsFolder: migrationsFolder(t, generation, [CREATE]), init: true }
    t.is(await migrate(drizzle(other), config), undefined)
    t.deepEqual(await migrate(drizzle(other), config), { exitCode: 'databaseMigrations' })
    t.deepEqual(other.get('SELECT count(*) AS n FROM __drizzle_migrations'), { n: 1 })
  })
}

if (hasBetter()) {
  const generation = all[0] as Generation
  test('what the migrator of better-sqlite3 has applied is not applied again', async t => {
    const dir = tmpDir(t)
    const folder = migrationsFolder(t, generation, [CREATE, INSERT])
    const path = `${dir}/app.db`
    const { code, stderr } = await run(t, process.execPath, [
      new URL('fixtures/drizzle-better.mjs', import.meta.url).pathname,
      path,
      folder
    ])
    t.is(code, 0, stderr)
    const client = openDb(t, dir)
    const more = migrationsFolder(t, generation, [CREATE, INSERT, INSERT])
    await generation.migrate(generation.drizzle(client), { migrationsFolder: more })
    t.deepEqual(client.all('SELECT a FROM t'), [{ a: 1 }, { a: 1 }])
    t.deepEqual(client.get('SELECT count(*) AS n FROM __drizzle_migrations'), { n: 3 })
  })
}
