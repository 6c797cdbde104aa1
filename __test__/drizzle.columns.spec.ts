/** sqlock/drizzle: each mode of each column brings back what was stored, whatever integers the DB was opened for. */
import test from 'ava'
import type { IntegerMode } from '../index.js'
import { generations } from './helpers/drizzle.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const HUGE = 2n ** 62n + 1n

for (const { name, sqlite, drizzle, orm } of await generations()) {
  const { blob, integer, numeric, real, sqliteTable, text } = sqlite
  const all = sqliteTable('all_modes', {
    id: integer('id').primaryKey(),
    int: integer('int'),
    yes: integer('yes', { mode: 'boolean' }),
    seconds: integer('seconds', { mode: 'timestamp' }),
    ms: integer('ms', { mode: 'timestamp_ms' }),
    real: real('real'),
    digits: numeric('digits'),
    number: numeric('number', { mode: 'number' }),
    big: numeric('big', { mode: 'bigint' }),
    text: text('text', { enum: ['a', 'b'] }),
    json: text('json', { mode: 'json' }).$type<{ a: number[] }>(),
    bytes: blob('bytes', { mode: 'buffer' }),
    object: blob('object', { mode: 'json' }).$type<{ b: string }>(),
    long: blob('long', { mode: 'bigint' })
  })
  const CREATE = `CREATE TABLE all_modes (id INTEGER PRIMARY KEY, int INTEGER, yes INTEGER, seconds INTEGER, ms INTEGER,
    real REAL, digits NUMERIC, number NUMERIC, big NUMERIC, text TEXT, json TEXT, bytes BLOB, object BLOB, long BLOB)`
  const row = {
    id: 1,
    int: -(2 ** 53) + 1,
    yes: true,
    seconds: new Date('2026-01-02T03:04:05Z'),
    ms: new Date('2026-01-02T03:04:05.678Z'),
    real: 0.1,
    digits: String(HUGE),
    number: 1.5,
    big: HUGE,
    text: 'b' as const,
    json: { a: [1, 2] },
    bytes: Buffer.from([0, 1, 255]),
    object: { b: 'ü' },
    long: 10n ** 30n
  }

  for (const integers of ['number', 'bigint', 'auto'] satisfies IntegerMode[]) {
    test(`${name}: every mode of every column survives, with ${integers} as the integers of the DB`, async t => {
      const client = openDb(t, tmpDir(t), { integers })
      await client.exec(CREATE)
      const db = drizzle(client)
      t.deepEqual(await db.insert(all).values(row).returning(), [row])
      t.deepEqual(await db.select().from(all).where(orm.eq(all.ms, row.ms)), [row])
      const [empty] = await db.insert(all).values({}).returning()
      t.deepEqual(empty, { ...Object.fromEntries(Object.keys(row).map(key => [key, null])), id: 2 } as never)
      await db.transaction(async tx => {
        t.deepEqual(await tx.select().from(all).where(orm.eq(all.id, 1)).get(), row)
      })
      const kinds = 'typeof(int) AS int, typeof(big) AS big, typeof(bytes) AS bytes, typeof(object) AS object'
      t.deepEqual(client.get(`SELECT ${kinds} FROM all_modes`), {
        int: 'integer',
        big: 'integer',
        bytes: 'blob',
        object: 'blob'
      })
    })
  }

  test(`${name}: names are made of those of the properties as casing says`, async t => {
    const client = openDb(t)
    await client.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT)')
    // Drizzle 1 takes the casing with the table.
    const snake = (sqlite as any).snakeCase?.table
    const people = (snake ?? sqliteTable)('people', { id: integer().primaryKey(), firstName: text() })
    const db = drizzle(client, { casing: 'snake_case' } as any)
    await db.insert(people).values({ firstName: 'Ada' })
    t.deepEqual(await db.select().from(people), [{ id: 1, firstName: 'Ada' }])
    t.deepEqual(client.all('SELECT first_name FROM people'), [{ first_name: 'Ada' }])
  })
}
