/**
 * Drizzle in its generations: the one of package.json, and those that `npm ci --prefix __test__/adapters` installs. To the tests
 * they all have the types of the first.
 */
import { existsSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import type * as orm from 'drizzle-orm'
import type { Cache } from 'drizzle-orm/cache/core'
import type * as sqlite from 'drizzle-orm/sqlite-core'
import type { SqlockConfig, drizzle } from '../../adapters/drizzle/index.mjs'
import type { migrate } from '../../adapters/drizzle/migrator.mjs'
import type { DB, DBOptions } from '../../index.js'
// @ts-expect-error plain JavaScript, which child processes use too
import { load } from '../fixtures/drizzle.mjs'
import { isThere } from './there.ts'
import { openDb, tmpDir } from './tmp.ts'

export interface Generation {
  name: string
  orm: typeof orm
  sqlite: typeof sqlite
  Cache: typeof Cache
  drizzle: typeof drizzle
  migrate: typeof migrate
  /** Do its relations stand beside the schema, and its migrations each in a folder? */
  isDrizzle1: boolean
}

/** Those that are there. The reason why one is left out is printed; CI has to have them all. */
export async function generations(): Promise<Generation[]> {
  const names = ['drizzle-orm', ...['drizzle-orm-0.44', 'drizzle-orm-1'].filter(isInstalled)]
  return Promise.all(names.map(load))
}

const isInstalled = (name: string) =>
  isThere(
    existsSync(new URL(`../adapters/node_modules/${name}`, import.meta.url)),
    `${name} is not installed: npm ci --prefix __test__/adapters`
  )

/** Users with posts, as Drizzle knows them. */
export function blogOf({ orm, sqlite, isDrizzle1 }: Generation) {
  const { integer, sqliteTable, text } = sqlite
  const users = sqliteTable('users', {
    id: integer('id').primaryKey(),
    name: text('name').notNull().unique()
  })
  const posts = sqliteTable('posts', {
    id: integer('id').primaryKey(),
    userId: integer('user_id').references(() => users.id),
    title: text('title').notNull()
  })
  if (isDrizzle1) return { users, posts, config: { relations: relationsOf(orm, { users, posts }) } as never }
  const schema = {
    users,
    posts,
    ofUsers: orm.relations(users, ({ many }) => ({ posts: many(posts) })),
    ofPosts: orm.relations(posts, ({ one }) => ({
      user: one(users, { fields: [posts.userId], references: [users.id] })
    }))
  }
  return { users, posts, config: { schema } satisfies SqlockConfig<typeof schema> }
}

function relationsOf(orm: any, tables: { users: any; posts: any }) {
  return orm.defineRelations(tables, (r: any) => ({
    users: { posts: r.many.posts() },
    posts: { user: r.one.users({ from: r.posts.userId, to: r.users.id }) }
  }))
}

export const BLOG = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users, title TEXT NOT NULL)`

/** A database with these tables. */
export async function openBlog(
  t: ExecutionContext,
  generation: Generation,
  { dir = tmpDir(t), options = {}, ...more }: { dir?: string; options?: DBOptions; [key: string]: any } = {}
) {
  const { users, posts, config } = blogOf(generation)
  const client: DB = openDb(t, dir, options)
  await client.exec(BLOG)
  const db = generation.drizzle(client, { ...config, ...more })
  return { db, client, users, posts, dir }
}
