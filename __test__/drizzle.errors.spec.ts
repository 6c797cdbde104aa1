/** sqlock/drizzle: what a query fails with, what is logged, and what is cached. */
import test from 'ava'
import { LockTimeout, SqliteError } from '../index.js'
import { rejection } from './helpers/block.ts'
import { spawnHolder } from './helpers/child.ts'
import { generations, openBlog } from './helpers/drizzle.ts'
import { tmpDir } from './helpers/tmp.ts'

for (const generation of await generations()) {
  const { name, orm } = generation
  const { DrizzleQueryError, eq, sql } = orm

  test(`${name}: an error of a query has the code of its cause, which is sqlock's own`, async t => {
    const { db, users } = await openBlog(t, generation)
    await db.insert(users).values({ name: 'Ada' })
    const insert = db.insert(users).values({ name: 'Ada' })
    for (const [failing, code] of [
      [insert.run(), 'SQLITE_CONSTRAINT_UNIQUE'],
      [insert.returning().all(), 'SQLITE_CONSTRAINT_UNIQUE'],
      [insert.returning().get(), 'SQLITE_CONSTRAINT_UNIQUE'],
      [
        db.transaction(tx => tx.insert(users).values({ id: 1, name: 'Bob' }).run()),
        'SQLITE_CONSTRAINT_PRIMARYKEY'
      ],
      [db.all(sql`SELECT * FROM nothing`), 'SQLITE_ERROR'],
      [db.get(sql`SELEC 1`), 'SQLITE_ERROR'],
      [db.values(sql`SELECT * FROM nothing`), 'SQLITE_ERROR'],
      [db.run(sql`DROP TABLE nothing`), 'SQLITE_ERROR']
    ] as const) {
      const error = await rejection(failing)
      t.true(error instanceof DrizzleQueryError, error.stack)
      t.is(error.code, code)
      t.true(error.cause instanceof SqliteError)
      t.is(error.cause.code, code)
    }
  })

  test(`${name}: a value that cannot be bound is a TypeError`, async t => {
    const { db } = await openBlog(t, generation)
    const error = await rejection(db.run(sql`SELECT ${new Date()}`))
    t.true(error.cause instanceof TypeError)
    t.is(error.code, 'ERR_INVALID_ARG_TYPE')
  })

  test(`${name}: a write that does not get the lock tells who holds it, and a read needs none`, async t => {
    const dir = tmpDir(t)
    const { db, users } = await openBlog(t, generation, { dir, options: { timeout: 5 } })
    const holder = await spawnHolder(t, dir)
    const error = await rejection(db.insert(users).values({ name: 'Ada' }).run())
    t.is(error.code, 'ERR_SQLOCK_TIMEOUT')
    t.true(error.cause instanceof LockTimeout)
    t.is(error.cause.holderInfo.pid, holder.pid)
    t.deepEqual(await db.select().from(users), [])
    await holder.kill()
  })

  test(`${name}: the logger is told of every query, in batches and transactions too`, async t => {
    const queries: [string, unknown[]][] = []
    const logger = { logQuery: (sql: string, params: unknown[]) => void queries.push([sql, params]) }
    const { db, users } = await openBlog(t, generation, { logger })
    await db.insert(users).values({ name: 'Ada' })
    await db.select().from(users).where(eq(users.id, 1)).get()
    await db.batch([db.insert(users).values({ name: 'Bob' })])
    await db.batch([db.insert(users).values({ name: 'Cyd' }).returning()])
    await db.transaction(tx => tx.delete(users).where(eq(users.id, 2)).run())
    t.deepEqual(
      queries.map(([sql, params]) => [sql.split(' ')[0], params]),
      [
        ['insert', ['Ada']],
        ['select', [1]],
        ['insert', ['Bob']],
        ['insert', ['Cyd']],
        ['delete', [2]]
      ]
    )
  })
}
