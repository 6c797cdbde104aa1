/** Kysely's Migrator. */
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { type Kysely, type Migration, type MigratorProps, sql } from 'kysely'
import { mustBlock } from './helpers/block.ts'
import { Migrator, NO_MIGRATIONS, withPersons } from './helpers/kysely.ts'
import { openLocker, tmpDir } from './helpers/tmp.ts'

const table = (name: string): Migration => ({
  up: db => db.schema.createTable(name).addColumn('a', 'text').execute(),
  down: db => db.schema.dropTable(name).execute()
})
const LIST = { '1': table('one'), '2': table('two') }

async function withMigrator(
  t: ExecutionContext,
  migrations: Record<string, Migration>,
  { dir = tmpDir(t), ...props }: Partial<MigratorProps> & { dir?: string } = {}
) {
  const { db, database } = await withPersons(t, dir)
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations }, ...props })
  return { db, database, migrator }
}

const tables = async (db: Kysely<any>) => (await db.introspection.getTables()).map(({ name }) => name)
const success = (migrationName: string, direction: string) => ({
  migrationName,
  direction,
  status: 'Success'
})

test('migrations are applied in their order, and taken back', async t => {
  const { db, migrator } = await withMigrator(t, LIST)
  t.deepEqual(await migrator.migrateToLatest(), {
    results: [success('1', 'Up'), success('2', 'Up')]
  } as object)
  t.deepEqual(await migrator.migrateToLatest(), { results: [] })
  t.deepEqual(await tables(db), ['one', 'person', 'two'])
  t.true((await migrator.getMigrations()).every(({ executedAt }) => executedAt instanceof Date))
  t.deepEqual(await migrator.migrateDown(), { results: [success('2', 'Down')] } as object)
  t.deepEqual(await migrator.migrateTo(NO_MIGRATIONS), { results: [success('1', 'Down')] } as object)
  t.deepEqual(await tables(db), ['person'])
})

test('when one fails, nothing of those that were applied with it stays', async t => {
  const fails: Migration = {
    async up(db) {
      await db.schema.createTable('half').addColumn('a', 'text').execute()
      await sql`INSERT INTO nothing VALUES (1)`.execute(db)
    }
  }
  const { db, migrator } = await withMigrator(t, { ...LIST, '3': fails })
  const { error, results } = await migrator.migrateToLatest()
  t.is((error as { code?: string }).code, 'SQLITE_ERROR')
  t.deepEqual(
    results?.map(({ status }) => status),
    ['Success', 'Success', 'Error']
  )
  t.deepEqual(await tables(db), ['person'])
  t.deepEqual(
    await db
      .selectFrom('kysely_migration' as any)
      .selectAll()
      .execute(),
    []
  )
})

test('without transactions those before the one that fails stay, and the lock is given back', async t => {
  const fails: Migration = {
    async up(db) {
      await db.schema.createTable('half').addColumn('a', 'text').execute()
      throw new Error('no')
    }
  }
  const { db, database, migrator } = await withMigrator(
    t,
    { ...LIST, '3': fails },
    { disableTransactions: true }
  )
  t.is(((await migrator.migrateToLatest()).error as Error).message, 'no')
  t.deepEqual(await tables(db), ['half', 'one', 'person', 'two'])
  t.false((await database.lockStatus()).locked)
})

test('without transactions a migration may switch foreign keys off, and holds the lock throughout', async t => {
  const rebuild: Migration = {
    async up(db) {
      await sql`PRAGMA foreign_keys = OFF`.execute(db)
      t.true((await database.lockStatus()).locked)
      t.deepEqual((await sql`SELECT 1 AS one`.execute(db)).rows, [{ one: 1 }])
      await db.transaction().execute(async trx => {
        await sql`CREATE TABLE next (id INTEGER PRIMARY KEY, name TEXT)`.execute(trx)
        await sql`INSERT INTO next SELECT id, name FROM person`.execute(trx)
        await sql`DROP TABLE person`.execute(trx)
        await sql`ALTER TABLE next RENAME TO person`.execute(trx)
      })
      await sql`PRAGMA foreign_keys = ON`.execute(db)
    }
  }
  const { database, migrator } = await withMigrator(t, { '1': rebuild }, { disableTransactions: true })
  await database.exec(`
    INSERT INTO person (name) VALUES ('Ada');
    CREATE TABLE pet (owner REFERENCES person ON DELETE CASCADE);
    INSERT INTO pet VALUES (1)`)
  t.is((await migrator.migrateToLatest()).error, undefined)
  t.deepEqual(database.all('SELECT owner FROM pet'), [{ owner: 1 }])
  await t.throwsAsync(database.run('INSERT INTO pet VALUES (2)'), { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
})

test('a hundred migrators at once in a process apply each migration once', async t => {
  const applied: string[] = []
  const noted = (name: string): Migration => ({ up: async () => void applied.push(name) })
  for (const disableTransactions of [false, true]) {
    applied.length = 0
    const { migrator } = await withMigrator(t, { a: noted('a'), b: noted('b') }, { disableTransactions })
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => migrator.migrateToLatest()))
    t.deepEqual(
      outcomes.filter(({ error }) => error !== undefined),
      []
    )
    t.deepEqual(applied, ['a', 'b'])
  }
})

test('a migrator in a function of the database runs under its hold', async t => {
  for (const disableTransactions of [false, true]) {
    const { db, database, migrator } = await withMigrator(t, LIST, { disableTransactions })
    t.is((await database.withWriteLock(() => migrator.migrateToLatest())).error, undefined)
    t.deepEqual(await tables(db), ['one', 'person', 'two'])
  }
})

test('a migrator waits for the lock that somebody has', async t => {
  const dir = tmpDir(t)
  for (const disableTransactions of [false, true]) {
    const migrations = disableTransactions ? { ...LIST, '3': table('three') } : LIST
    const { migrator } = await withMigrator(t, migrations, { dir, disableTransactions })
    const locker = openLocker(t, dir)
    await locker.acquire()
    const migrated = await mustBlock(t, migrator.migrateToLatest())
    await locker.unlock()
    t.is((await migrated()).error, undefined)
  }
})
