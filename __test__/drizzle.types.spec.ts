/** sqlock/drizzle: its types, as `tsc -p tsconfig.drizzle.json` checks them. Those of an installed package: package.spec.ts. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { relations } from 'drizzle-orm'
import { type BaseSQLiteDatabase, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { type SqlockDatabase, type SqlockTransaction, drizzle } from '../adapters/drizzle/index.mjs'
import type { DB, RunResult } from '../index.js'
import { BLOG } from './helpers/drizzle.ts'
import { openDb } from './helpers/tmp.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal

const users = sqliteTable('users', { id: integer('id').primaryKey(), name: text('name').notNull() })
const posts = sqliteTable('posts', { id: integer('id').primaryKey(), userId: integer('user_id') })
const ofUsers = relations(users, ({ many }) => ({ posts: many(posts) }))
const ofPosts = relations(posts, ({ one }) => ({
  user: one(users, { fields: [posts.userId], references: [users.id] })
}))
const schema = { users, posts, ofUsers, ofPosts }
interface User {
  id: number
  name: string
}
type WithPosts = { id: number; name: string; posts: { id: number; userId: number | null }[] }
const read = (file: string) => readFileSync(new URL(`../adapters/drizzle/${file}`, import.meta.url), 'utf8')

test('a schema is part of the type of a database and of its transactions', async t => {
  const client = openDb(t)
  await client.exec(BLOG)
  const db: SqlockDatabase<typeof schema> & { $client: DB } = drizzle(client, { schema })
  const base: BaseSQLiteDatabase<'async', RunResult, typeof schema> = db
  t.is(base, db)
  const insert = async (tx: SqlockTransaction<typeof schema>) => {
    const result = await tx.insert(users).values({ name: 'Ada' })
    same<typeof result, RunResult>(true)
    return tx.query.users.findFirst({ with: { posts: true } })
  }
  const first = await db.transaction(insert)
  same<typeof first, WithPosts | undefined>(true)
  t.deepEqual(first, { id: 1, name: 'Ada', posts: [] })
  const [rows, result] = await db.batch([db.select().from(users), db.delete(users)])
  same<typeof rows, User[]>(true)
  same<typeof result, RunResult>(true)
  // @ts-expect-error there is no such table
  t.is(db.query.tags, undefined)
})

test('import and require have the same types, each for the classes of its own module form', t => {
  for (const name of ['index', 'migrator']) t.is(read(`${name}.d.mts`), read(`${name}.d.ts`))
})
