/** sqlock/drizzle: what is asked by the query builders, and by `sql`. */
import test from 'ava'
import { DB } from '../index.js'
import { generations, openBlog } from './helpers/drizzle.ts'
import { tmpDir } from './helpers/tmp.ts'

for (const generation of await generations()) {
  const { name, orm, drizzle } = generation
  const { eq, sql } = orm

  test(`${name}: rows are inserted, selected, updated and deleted, and come back when they are asked for`, async t => {
    const { db, users } = await openBlog(t, generation)
    t.deepEqual(await db.insert(users).values([{ name: 'Ada' }, { name: 'Bob' }]), {
      changes: 2,
      lastInsertRowid: 2
    })
    t.deepEqual(await db.insert(users).values({ name: 'Cyd' }).returning(), [{ id: 3, name: 'Cyd' }])
    t.deepEqual(await db.insert(users).values({ name: 'Dan' }).returning({ id: users.id }).get(), { id: 4 })
    const renamed = await db.update(users).set({ name: 'Eve' }).where(eq(users.id, 2)).returning()
    t.deepEqual(renamed, [{ id: 2, name: 'Eve' }])
    t.is((await db.delete(users).where(eq(users.name, 'Dan')).run()).changes, 1)
    t.deepEqual(await db.select({ name: users.name }).from(users).orderBy(users.name).limit(2), [
      { name: 'Ada' },
      { name: 'Cyd' }
    ])
    const upsert = db.insert(users).values({ id: 1, name: 'Zoe' })
    await upsert.onConflictDoUpdate({ target: users.id, set: { name: 'Zoe' } })
    t.deepEqual(await db.select().from(users).where(eq(users.id, 1)).get(), { id: 1, name: 'Zoe' })
    t.is(await db.select().from(users).where(eq(users.id, 9)).get(), undefined)
    t.deepEqual(await db.select().from(users).where(eq(users.id, 9)), [])
  })

  test(`${name}: columns of the same name are kept apart in a join`, async t => {
    const { db, users, posts } = await openBlog(t, generation)
    await db.insert(users).values([{ name: 'Ada' }, { name: 'Bob' }])
    await db.insert(posts).values({ id: 7, userId: 1, title: 'first' })
    const joined = await db.select().from(users).leftJoin(posts, eq(posts.userId, users.id)).orderBy(users.id)
    t.deepEqual(joined, [
      { users: { id: 1, name: 'Ada' }, posts: { id: 7, userId: 1, title: 'first' } },
      { users: { id: 2, name: 'Bob' }, posts: null }
    ])
  })

  test(`${name}: a prepared statement is run with its placeholders filled`, async t => {
    const { db, users } = await openBlog(t, generation)
    const insert = db
      .insert(users)
      .values({ name: sql.placeholder('name') })
      .prepare()
    for (const name of ['Ada', 'Bob', 'Cyd']) t.is((await insert.run({ name })).changes, 1)
    const select = db
      .select({ name: users.name })
      .from(users)
      .where(eq(users.id, sql.placeholder('id')))
      .prepare()
    t.deepEqual(await select.all({ id: 2 }), [{ name: 'Bob' }])
    t.deepEqual(await select.get({ id: 3 }), { name: 'Cyd' })
    t.deepEqual(await select.values({ id: 1 }), [['Ada']])
    t.deepEqual(await select.execute({ id: 9 }), [])
  })

  test(`${name}: relational queries bring what belongs to a row, and $count counts`, async t => {
    const { db, users, posts } = await openBlog(t, generation)
    await db.insert(users).values([{ name: 'Ada' }, { name: 'Bob' }])
    await db.insert(posts).values([
      { userId: 1, title: 'first' },
      { userId: 1, title: 'second' }
    ])
    t.deepEqual(await db.query.users.findMany({ with: { posts: { columns: { title: true } } } }), [
      { id: 1, name: 'Ada', posts: [{ title: 'first' }, { title: 'second' }] },
      { id: 2, name: 'Bob', posts: [] }
    ])
    const post = await db.query.posts.findFirst({ columns: { id: true }, with: { user: true } })
    t.deepEqual(post, { id: 1, user: { id: 1, name: 'Ada' } })
    const first = db.query.users.findFirst({ columns: { name: true } }).prepare()
    t.deepEqual(await first.execute(), { name: 'Ada' })
    t.is(await db.$count(posts), 2)
    t.is(await db.$count(posts, eq(posts.title, 'first')), 1)
    await db.delete(posts)
    t.is(await db.query.posts.findFirst(), undefined)
  })

  test(`${name}: sql comes as objects, as one of them, as arrays, or as what it did`, async t => {
    const { db } = await openBlog(t, generation)
    t.deepEqual(await db.run(sql`INSERT INTO users (name) VALUES (${'Ada'}), (${'Bob'})`), {
      changes: 2,
      lastInsertRowid: 2
    })
    t.deepEqual(await db.all(sql`SELECT id, name FROM users WHERE id > ${1}`), [{ id: 2, name: 'Bob' }])
    t.deepEqual(await db.get(sql`SELECT name FROM users ORDER BY id`), { name: 'Ada' })
    t.is(await db.get(sql`SELECT name FROM users WHERE id = 9`), undefined)
    t.deepEqual(await db.values(sql`SELECT id, name, id FROM users`), [
      [1, 'Ada', 1],
      [2, 'Bob', 2]
    ])
    t.deepEqual(await db.all('SELECT count(*) AS n FROM users'), [{ n: 2 }])
    t.deepEqual(await db.all(sql`DELETE FROM users WHERE id = 1 RETURNING name`), [{ name: 'Ada' }])
  })

  test(`${name}: writes that are under way together share commits, and reads wait for nobody`, async t => {
    const { db, client, users } = await openBlog(t, generation)
    const before = client.stats().commits
    await Promise.all(
      Array.from({ length: 200 }, async (_, n) => db.insert(users).values({ name: `user ${n}` }))
    )
    t.is(await db.$count(users), 200)
    t.true(client.stats().commits - before < 200)
    const tx = await client.begin()
    t.is(await db.$count(users), 200)
    await tx.rollback()
  })

  test(`${name}: a database is given as a DB, in a configuration, or by its path`, async t => {
    const dir = tmpDir(t)
    const { db, client } = await openBlog(t, generation, { dir })
    t.is(db.$client, client)
    t.is(drizzle({ client }).$client, client)
    const path = `${dir}/app.db`
    for (const opened of [
      drizzle(path),
      drizzle(new URL(`file://${path}`)),
      drizzle({ connection: path }),
      drizzle({ connection: new URL(`file://${path}`) }),
      drizzle({ connection: { source: path, timeout: 5, fileMustExist: true } })
    ]) {
      t.true(opened.$client instanceof DB)
      t.deepEqual(await opened.all(sql`SELECT count(*) AS n FROM users`), [{ n: 0 }])
      await opened.$client.close()
    }
    t.throws(() => drizzle({ connection: { source: path, nothing: 1 } as any }), { instanceOf: TypeError })
    t.throws(() => (drizzle as any)({}), { instanceOf: TypeError })
    const mocked = drizzle.mock().select({ one: sql`1` })
    t.regex(mocked.from(sql`t` as any).toSQL().sql, /^select 1 from t$/)
  })
}
