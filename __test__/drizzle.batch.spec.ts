/** sqlock/drizzle: several queries, all or nothing. */
import test from 'ava'
import { BatchError } from '../index.js'
import { rejection } from './helpers/block.ts'
import { generations, openBlog } from './helpers/drizzle.ts'

for (const generation of await generations()) {
  const { name, orm } = generation
  const { eq, sql } = orm

  test(`${name}: a batch that only writes is one batch of sqlock`, async t => {
    const { db, client, users } = await openBlog(t, generation)
    const before = client.stats().commits
    const results = await db.batch([
      db.insert(users).values({ name: 'Ada' }),
      db.update(users).set({ name: 'Bob' }).where(eq(users.id, 1)),
      db.run(sql`DELETE FROM users WHERE name = ${'Cyd'}`)
    ])
    t.deepEqual(results, [
      { changes: 1, lastInsertRowid: 1 },
      { changes: 1, lastInsertRowid: 0 },
      { changes: 0, lastInsertRowid: 0 }
    ])
    t.is(client.stats().commits - before, 1)
    const error = await rejection(
      db.batch([db.insert(users).values({ name: 'Cyd' }), db.insert(users).values({ name: 'Bob' })])
    )
    t.true(error instanceof BatchError)
    t.is(error.code, 'SQLITE_CONSTRAINT_UNIQUE')
    t.is(error.statementIndex, 1)
    t.is(await db.$count(users), 1)
  })

  test(`${name}: last_insert_rowid() in a batch and a transaction is that of the insert before`, async t => {
    const { db, users } = await openBlog(t, generation)
    const child = sql`INSERT INTO users (id, name) SELECT last_insert_rowid() + 40, 'child of ' || last_insert_rowid()`
    await db.insert(users).values({ name: 'another' })
    await db.batch([db.insert(users).values({ name: 'Ada' }), db.run(child)])
    await db.transaction(async tx => {
      await tx.insert(users).values({ name: 'Bob' })
      await tx.run(child)
    })
    const names = await db.select({ name: users.name }).from(users).orderBy(users.id)
    t.deepEqual(
      names.map(user => user.name),
      ['another', 'Ada', 'child of 2', 'Bob', 'child of 43']
    )
    t.is((await rejection(db.run(child))).code, 'SQLITE_AUTH')
  })

  test(`${name}: a batch that asks for rows is a transaction`, async t => {
    const { db, client, users } = await openBlog(t, generation)
    const before = client.stats().commits
    const results = await db.batch([
      db.insert(users).values({ name: 'Ada' }),
      db.insert(users).values({ name: 'Bob' }).returning({ id: users.id }),
      db.select().from(users),
      db.query.users.findFirst({ columns: { name: true } }),
      db.all(sql`SELECT 1 AS one`),
      db.get(sql`SELECT 2 AS two`),
      db.values(sql`SELECT 3`)
    ])
    t.deepEqual(results, [
      { changes: 1, lastInsertRowid: 1 },
      [{ id: 2 }],
      [
        { id: 1, name: 'Ada' },
        { id: 2, name: 'Bob' }
      ],
      { name: 'Ada' },
      [{ one: 1 }],
      { two: 2 },
      [[3]]
    ])
    t.is(client.stats().commits - before, 1)
    const failing = db.batch([
      db.insert(users).values({ name: 'Cyd' }).returning(),
      db.insert(users).values({ name: 'Ada' })
    ])
    t.is((await rejection(failing)).code, 'SQLITE_CONSTRAINT_UNIQUE')
    t.is(await db.$count(users), 2)
  })

  test(`${name}: an empty batch does nothing, and a placeholder in one is refused`, async t => {
    const { db, users } = await openBlog(t, generation)
    t.deepEqual(await db.batch([] as any), [])
    const insert = db.insert(users).values({ name: sql.placeholder('name') })
    t.regex((await rejection(db.batch([insert]))).message, /placeholder/)
    t.is(await db.$count(users), 0)
  })
}
