/** Kysely on a database with a table of persons. */
import type { ExecutionContext } from 'ava'
import * as kysely from 'kysely'
import { type Generated, Kysely, type KyselyConfig } from 'kysely'
import { SqlockDialect } from '../../adapters/kysely/index.mjs'
import type { DB, DBOptions, IntegerMode } from '../../index.js'
import { openDb, tmpDir } from './tmp.ts'

// @ts-expect-error there is no such module before Kysely 0.29
const { Migrator, NO_MIGRATIONS }: typeof kysely = kysely.Migrator ? kysely : await import('kysely/migration')
export { Migrator, NO_MIGRATIONS }

export interface Tables {
  person: { id: Generated<number>; name: string; age: number | null }
}

export const kyselyOn = <M extends IntegerMode>(database: DB<M>, config: Partial<KyselyConfig> = {}) =>
  new Kysely<Tables>({ dialect: new SqlockDialect({ database }), ...config })

export async function withPersons(
  t: ExecutionContext,
  dir = tmpDir(t),
  options?: DBOptions,
  config?: Partial<KyselyConfig>
): Promise<{ db: Kysely<Tables>; database: DB }> {
  const database = openDb(t, dir, { timeout: 20_000, ...options })
  await database.exec(
    'CREATE TABLE IF NOT EXISTS person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER)'
  )
  return { db: kyselyOn(database, config), database }
}

export const insert = (db: Kysely<Tables>, name: string) =>
  db.insertInto('person').values({ name }).executeTakeFirstOrThrow()

/** The names that are there, in the order in which they came. */
export const names = async (db: Kysely<Tables>) =>
  (await db.selectFrom('person').select('name').orderBy('id').execute()).map(({ name }) => name)
