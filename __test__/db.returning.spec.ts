/**
 * Rows that a write returns. They used to be refused after the COMMIT, when JavaScript decoded them: the caller was told of an
 * error, wrote again, and the row was there twice. What may refuse a row now does so before.
 */
import test from 'ava'
import { type Kysely, sql } from 'kysely'
import type { DB, Queryable } from '../index.js'
import { rejection } from './helpers/block.ts'
import { openKnex } from './helpers/knex.ts'
import { kyselyOn } from './helpers/kysely.ts'
import { values, withTable } from './helpers/table.ts'
import { tmpDir } from './helpers/tmp.ts'

const LARGE = 2n ** 53n + 1n
const RETURNING = 'INSERT INTO t VALUES (?) RETURNING a'
const REFUSED = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message: /column a / }

/** Each asks for the row of an INSERT of a value. */
const FORMS: Record<string, (target: Queryable, value: bigint | number) => Promise<unknown>> = {
  getAsync: (target, value) => target.getAsync(RETURNING, value),
  allAsync: (target, value) => target.allAsync(RETURNING, value),
  execute: (target, value) => target.execute(RETURNING, value),
  'execute of arrays': (target, value) => target.execute({ sql: RETURNING, params: [value], raw: true }),
  'integers of the call': (target, value) =>
    target.allAsync({ sql: RETURNING, params: [value], integers: 'number' }),
  'getAsync of a statement': (target, value) => target.prepare(RETURNING).getAsync(value),
  'allAsync of a statement': (target, value) => target.prepare(RETURNING).allAsync(value),
  'a statement that plucks': (target, value) => target.prepare(RETURNING).pluck().allAsync(value),
  'a statement of arrays': (target, value) => target.prepare(RETURNING).raw().getAsync(value)
}

/** Runs something on each kind of target that writes. */
const TARGETS: Record<string, (db: DB, work: (target: Queryable) => Promise<void>) => Promise<void>> = {
  'a DB': (db, work) => work(db),
  'a hold': (db, work) => db.withWriteLock(() => work(db)),
  'a transaction': (db, work) => db.transaction(work),
  'a savepoint': (db, work) => db.transaction(tx => tx.savepoint(work)),
  async begin(db, work) {
    const tx = await db.begin()
    await work(tx)
    await tx.commit()
  }
}

for (const [name, act] of Object.entries(FORMS))
  test(`${name}: a row that cannot be given back is not written, wherever it is asked for`, async t => {
    for (const [where, on] of Object.entries(TARGETS)) {
      const db = await withTable(t)
      await on(db, async target => {
        const error = await rejection(act(target, LARGE))
        t.like(error, { name: REFUSED.name, code: REFUSED.code }, where)
        t.regex(error.message, REFUSED.message, where)
        // The next statement is as good as any.
        await act(target, 1)
      })
      t.deepEqual(values(db), [1], where)
    }
  })

test('the writes of the same batch are not touched by a row that is refused', async t => {
  const db = await withTable(t)
  for (const refused of Object.values(FORMS)) {
    await db.run('DELETE FROM t')
    const outcomes = await Promise.allSettled([
      db.run('INSERT INTO t VALUES (1)'),
      refused(db, LARGE),
      db.allAsync(RETURNING, 2),
      refused(db, -LARGE),
      db.run('INSERT INTO t VALUES (3)')
    ])
    t.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']
    )
    t.deepEqual(values(db), [1, 2, 3])
  }
})

test('an INTEGER that is not given back refuses nothing', async t => {
  const db = await withTable(t)
  const [both, rows] = ['RETURNING 1 AS one, a', `INSERT INTO t VALUES (1), (${LARGE})`]
  t.is(await db.prepare(`INSERT INTO t VALUES (${LARGE}) ${both}`).pluck().getAsync(), 1)
  t.deepEqual(await db.prepare(`UPDATE t SET a = a + 1 ${both}`).pluck().allAsync(), [1])
  await db.run('DELETE FROM t')
  t.deepEqual(await db.getAsync(`${rows} RETURNING a`), { a: 1 })
  t.is(db.prepare('SELECT count(*) FROM t').pluck().get(), 2)
})

test('each mode of integers says what an INTEGER beyond 2^53 does to its write', async t => {
  const db = await withTable(t)
  for (const integers of ['auto', 'bigint'] as const) {
    t.deepEqual(await db.getAsync({ sql: RETURNING, params: [LARGE], integers }), { a: LARGE })
    t.deepEqual(await db.prepare('DELETE FROM t RETURNING a').integers(integers).allAsync(), [{ a: LARGE }])
  }
  // The rowid comes as it is, whatever the mode.
  await db.exec('CREATE TABLE k (id INTEGER PRIMARY KEY)')
  t.is((await db.run('INSERT INTO k VALUES (?)', LARGE)).lastInsertRowid as unknown, LARGE)
})

test('a text that is too long for a string is not written', async t => {
  const db = await withTable(t)
  const error = await rejection(
    db.allAsync('INSERT INTO t VALUES (1) RETURNING CAST(zeroblob(?) AS TEXT) AS long', 2 ** 29 - 23)
  )
  t.like(error, { name: 'SqliteError', code: 'SQLITE_TOOBIG' })
  t.regex(error.message, /column long/)
  t.deepEqual(values(db), [])
})

test('Kysely, Knex: a row that cannot be given back is not written', async t => {
  const other = tmpDir(t)
  const db = await withTable(t)
  const kysely = kyselyOn(db) as unknown as Kysely<any>
  await t.throwsAsync(kysely.insertInto('t').values({ a: LARGE }).returningAll().execute(), REFUSED)
  await t.throwsAsync(kysely.insertInto('t').values({ a: LARGE }).returning('a').executeTakeFirst(), REFUSED)
  await t.throwsAsync(sql`INSERT INTO t VALUES (${LARGE}) RETURNING a`.execute(kysely), REFUSED)
  t.deepEqual(values(db), [])
  const there = await withTable(t, other)
  const knex = openKnex(t, other)
  // Knex does not take bigints.
  const large = { a: knex.raw(String(LARGE)) }
  const refused = { message: REFUSED.message }
  await t.throwsAsync(async () => knex('t').insert(large).returning('a'), refused)
  await t.throwsAsync(async () => knex.raw(`INSERT INTO t VALUES (${LARGE}) RETURNING a`), refused)
  await t.throwsAsync(
    knex.transaction(async trx => trx('t').insert(large).returning('a')),
    refused
  )
  t.deepEqual(values(there), [])
})
