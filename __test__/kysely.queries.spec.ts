/** Queries of Kysely: what they give, and how they take the lock. */
import test from 'ava'
import { Kysely, sql } from 'kysely'
import { SqlockDialect } from '../adapters/kysely/index.mjs'
import { DB, LockTimeout, SqliteError } from '../index.js'
import { mustBlock, rejection } from './helpers/block.ts'
import { insert, kyselyOn, names, withPersons } from './helpers/kysely.ts'
import { openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('writes tell what they have changed and inserted', async t => {
  const { db } = await withPersons(t)
  const persons = ['Ada', 'Grace'].map(name => ({ name }))
  t.like(await db.insertInto('person').values(persons).executeTakeFirst(), {
    insertId: 2n,
    numInsertedOrUpdatedRows: 2n
  })
  t.like(await db.updateTable('person').set({ age: 36 }).executeTakeFirst(), { numUpdatedRows: 2n })
  t.like(await db.deleteFrom('person').where('id', '=', 1).executeTakeFirst(), { numDeletedRows: 1n })
  t.like(await db.updateTable('person').set({ age: 1 }).where('id', '=', 9).executeTakeFirst(), {
    numUpdatedRows: 0n
  })
})

test('an insert that has inserted nothing has no insertId', async t => {
  const { db } = await withPersons(t)
  await insert(db, 'Ada')
  const ignored = await db
    .insertInto('person')
    .values({ name: 'Ada' })
    .onConflict(conflict => conflict.doNothing())
    .executeTakeFirst()
  t.is(ignored?.insertId, undefined)
  t.is(ignored?.numInsertedOrUpdatedRows, 0n)
})

test('returning gives rows of inserts, updates, deletes and upserts', async t => {
  const { db } = await withPersons(t)
  t.deepEqual(await db.insertInto('person').values({ name: 'Ada', age: 1 }).returningAll().execute(), [
    { id: 1, name: 'Ada', age: 1 }
  ])
  t.deepEqual(await db.updateTable('person').set({ age: 2 }).returning('age').execute(), [{ age: 2 }])
  const upsert = db
    .insertInto('person')
    .values({ name: 'Ada' })
    .onConflict(conflict => conflict.column('name').doUpdateSet({ age: 3 }))
  t.deepEqual(await upsert.returning(['id', 'age']).execute(), [{ id: 1, age: 3 }])
  t.deepEqual(await db.deleteFrom('person').returning('name').execute(), [{ name: 'Ada' }])
})

test('a text of the caller gives its rows, or what it has changed', async t => {
  const { db } = await withPersons(t)
  t.deepEqual(await sql`INSERT INTO person (name) VALUES (${'Ada'})`.execute(db), {
    rows: [],
    numAffectedRows: 1n,
    insertId: 1n
  })
  t.deepEqual(await sql`SELECT name FROM person WHERE id = ${1}`.execute(db), { rows: [{ name: 'Ada' }] })
  t.deepEqual(await sql`SELECT name FROM person WHERE id = ${2}`.execute(db), { rows: [] })
  t.deepEqual(await sql`UPDATE person SET age = 1 RETURNING age`.execute(db), { rows: [{ age: 1 }] })
  t.deepEqual(await sql`PRAGMA foreign_keys`.execute(db), { rows: [{ foreign_keys: 1 }] })
  await sql`PRAGMA user_version = 7`.execute(db)
  t.deepEqual(await sql`PRAGMA user_version`.execute(db), { rows: [{ user_version: 7 }] })
})

test('values come and go as they do with sqlock', async t => {
  const dir = tmpDir(t)
  const database = openDb(t, dir, { integers: 'bigint' })
  const db = kyselyOn(database)
  const values = [null, 1, 1.5, 2n ** 60n, 'é', Buffer.from([0, 255]), true]
  const columns = values.map((value, n) => sql`${value} AS ${sql.ref(`c${n}`)}`)
  const { rows } = await sql`SELECT ${sql.join(columns)}`.execute(db)
  t.deepEqual(Object.values(rows[0] as object), [null, 1n, 1.5, 2n ** 60n, 'é', Buffer.from([0, 255]), 1n])
  t.is((await rejection(sql`SELECT ${new Date()}`.execute(db))).code, 'ERR_INVALID_ARG_TYPE')
  t.deepEqual(await db.introspection.getTables(), [])
})

test('errors are those of sqlock, with their codes', async t => {
  const dir = tmpDir(t)
  const { db } = await withPersons(t, dir)
  await insert(db, 'Ada')
  const unique = await rejection(insert(db, 'Ada'))
  t.true(unique instanceof SqliteError)
  t.is(unique.code, 'SQLITE_CONSTRAINT_UNIQUE')
  t.true(unique.sql.startsWith('insert into "person"'))
  t.is((await rejection(sql`no SQL`.execute(db))).code, 'SQLITE_ERROR')
  t.is((await rejection(sql`BEGIN`.execute(db))).code, 'ERR_SQLOCK_TRANSACTION')

  const hasty = kyselyOn(openDb(t, dir, { timeout: 5 }))
  const locker = openLocker(t, dir, { label: 'the nightly import' })
  await locker.acquire()
  const refused = await rejection(insert(hasty, 'Grace'))
  t.true(refused instanceof LockTimeout)
  t.is(refused.holderInfo.label, 'the nightly import')
  t.is((await rejection(hasty.transaction().execute(async () => t.fail()))).code, 'ERR_SQLOCK_TIMEOUT')
})

test('the stack of an error shows who has issued the query', async t => {
  const { db } = await withPersons(t)
  await insert(db, 'Ada')
  const wrong = sql<number>`nothing`
  for (const work of [
    async () => void (await insert(db, 'Ada')),
    async () => void (await db.selectFrom('person').select(wrong.as('x')).execute()),
    async () => void (await sql`SELECT ${wrong}`.execute(db)),
    async () =>
      void (await db.transaction().execute(trx => trx.deleteFrom('person').where(wrong, '=', 1).execute()))
  ]) {
    const { stack } = await rejection(work())
    t.true(stack.includes('kysely.queries.spec.ts'), stack)
  }
})

test('reads do not take the lock, and writes wait for it', async t => {
  const dir = tmpDir(t)
  const { db } = await withPersons(t, dir)
  const locker = openLocker(t, dir)
  await locker.acquire()
  t.deepEqual(await names(db), [])
  const inserted = await mustBlock(t, insert(db, 'Ada'))
  await locker.unlock()
  await inserted()
  t.deepEqual(await names(db), ['Ada'])
})

test('writes that are issued together share commits, and fail each by itself', async t => {
  const { db, database } = await withPersons(t)
  await insert(db, 'first')
  const { commits } = database.stats()
  const writes = Array.from({ length: 100 }, (_, n) => insert(db, n === 50 ? 'first' : `person ${n}`))
  const failed = (await Promise.allSettled(writes)).filter(({ status }) => status === 'rejected')
  t.is(failed.length, 1)
  t.is((await names(db)).length, 100)
  t.true(database.stats().commits - commits < 100)
})

test('a stream gives its rows one after the other, and what is left of it ends with it', async t => {
  const { db, database } = await withPersons(t)
  const count = 2000
  await sql`
    WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < ${count})
    INSERT INTO person (name) SELECT 'person ' || n FROM c`.execute(db)
  const ids: number[] = []
  for await (const { id } of db.selectFrom('person').select('id').orderBy('id').stream()) ids.push(id)
  t.deepEqual(
    ids,
    Array.from({ length: count }, (_, n) => n + 1)
  )
  for await (const { id } of db.selectFrom('person').select('id').orderBy('id').stream()) if (id === 3) break
  // A reader that was still there would keep what it sees from being checkpointed away.
  await insert(db, 'last')
  t.true((await database.checkpoint('TRUNCATE')).complete)

  await db.transaction().execute(async trx => {
    await insert(trx, 'in it')
    const seen: string[] = []
    for await (const { name } of trx.selectFrom('person').select('name').where('id', '>', count).stream())
      seen.push(name)
    t.deepEqual(seen, ['last', 'in it'])
  })
})

test('what writes may be streamed too, and an error of a stream is told', async t => {
  const { db } = await withPersons(t)
  const persons = ['Ada', 'Grace'].map(name => ({ name }))
  const seen: string[] = []
  for await (const { name } of db.insertInto('person').values(persons).returning('name').stream())
    seen.push(name)
  t.deepEqual(seen, ['Ada', 'Grace'])
  t.deepEqual(await names(db), ['Ada', 'Grace'])
  const wrong = db
    .selectFrom('person')
    .select(sql`nothing`.as('x'))
    .stream()
  t.is((await rejection(wrong.next())).code, 'SQLITE_ERROR')
})

test('the database is opened by the first query, and closed by destroy()', async t => {
  const path = `${tmpDir(t)}/app.db`
  const opened: DB[] = []
  const seen: unknown[] = []
  const dialect = new SqlockDialect({
    database: async () => {
      const database = new DB(path)
      opened.push(database)
      return database
    },
    async onCreateConnection(connection) {
      const query = { ...sql`SELECT 1 AS one`.compile(db), queryId: { queryId: 'one' } }
      seen.push((await connection.executeQuery(query)).rows)
    }
  })
  const db = new Kysely<any>({ dialect })
  t.is(opened.length, 0)
  await Promise.all([sql`SELECT 1`.execute(db), sql`SELECT 2`.execute(db)])
  t.is(opened.length, 1)
  t.deepEqual(seen, [[{ one: 1 }]])
  await db.destroy()
  t.false(opened[0]?.open)
  await t.throwsAsync(sql`SELECT 1`.execute(db), { message: /destroyed/ })
})

test('what is no DB is refused', async t => {
  for (const database of ['app.db', {}, undefined, async () => 5] as any[]) {
    const db = new Kysely({ dialect: new SqlockDialect({ database }) })
    await t.throwsAsync(sql`SELECT 1`.execute(db), { instanceOf: TypeError, message: /DB of sqlock/ })
  }
})
