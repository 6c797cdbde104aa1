/** The same programs on Kysely's own dialect for SQLite, with better-sqlite3: what they give and what they log is the same. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { Kysely, SqliteDialect, sql } from 'kysely'
import { SqlockDialect } from '../adapters/kysely/index.mjs'
import { hasBetter } from './helpers/better.ts'
import { type Program, type Tables, byChance, fill, reads, writes } from './helpers/kysely-programs.ts'
import { randomOf, seedOf } from './helpers/seed.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

async function trace(dialect: SqliteDialect | SqlockDialect, program: Program): Promise<object> {
  const log: unknown[] = []
  const db = new Kysely<Tables>({
    dialect,
    log: ({ level, query }) => void log.push([level, query.sql, query.parameters])
  })
  await fill(db)
  const value = await program(db)
  const rest = [await sql`SELECT * FROM sqlite_sequence`.execute(db)]
  await db.destroy()
  return { value, rest, log }
}

async function compare(t: ExecutionContext, program: Program): Promise<void> {
  const dir = tmpDir(t)
  const Better = createRequire(new URL('../bench/package.json', import.meta.url))('better-sqlite3')
  const theirs = await trace(new SqliteDialect({ database: new Better(join(dir, 'theirs.db')) }), program)
  t.deepEqual(await trace(new SqlockDialect({ database: openDb(t, dir) }), program), theirs)
}

const run = hasBetter() ? test : test.skip
for (const [name, program] of Object.entries({ ...reads, ...writes })) {
  run(`${name}: as with better-sqlite3`, compare, program)
}
run('savepoints by chance: as with better-sqlite3', async t => {
  const seed = seedOf(t)
  await compare(t, db => byChance(db, randomOf(seed)))
})
