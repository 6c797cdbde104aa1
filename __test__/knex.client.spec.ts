/** The client of Knex: how it is configured, and how it ends. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import createKnex from 'knex'
import { SqlockClient, poolOf } from '../adapters/knex/index.js'
import { eventually, mustBlock, rejection } from './helpers/block.ts'
import { openKnex, openPeople } from './helpers/knex.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const settled = (query: PromiseLike<unknown>) => rejection(Promise.resolve(query))

test('a path alone and a function are connections, too', async t => {
  const filename = join(tmpDir(t), 'app.db')
  for (const connection of [filename, async () => ({ filename })]) {
    const log = { warn() {} }
    const knex = createKnex({ client: SqlockClient, connection, useNullAsDefault: true, log })
    t.deepEqual(await knex.select(knex.raw('1 as one')), [{ one: 1 }])
    await knex.destroy()
  }
})

test('an option that is not of a DB is refused by the first query', async t => {
  const log = { warn() {} }
  const connection = { filename: join(tmpDir(t), 'app.db'), options: { readonly: true } }
  const knex = createKnex({ client: SqlockClient, connection, useNullAsDefault: true, log })
  const error = await settled(knex.raw('select 1'))
  t.true(error instanceof TypeError)
  t.regex(error.message, /options/)
  await knex.destroy()
})

test('a directory that cannot be made is told by each query until it can', async t => {
  const dir = tmpDir(t)
  const blocked = openDb(t, dir)
  await blocked.exec('CREATE TABLE t (a)')
  const connection = { filename: join(dir, 'app.db', 'inner', 'app.db') }
  const log = { warn() {} }
  const knex = createKnex({ client: SqlockClient, connection, useNullAsDefault: true, log })
  t.teardown(() => knex.destroy())
  for (let n = 0; n < 2; n++) t.is((await settled(knex.raw('select 1'))).code, 'ERR_SQLOCK_IO')
})

test('afterCreate of a pool is refused, since there is none', t => {
  const connection = { filename: join(tmpDir(t), 'app.db') }
  const pool = { afterCreate() {} }
  t.throws(() => createKnex({ client: SqlockClient, connection, pool, useNullAsDefault: true }), {
    instanceOf: TypeError,
    message: /afterCreate/
  })
})

test('no number of transactions that wait keeps a read from its turn', async t => {
  const knex = await openPeople(t, tmpDir(t), { timeout: 60_000 })
  const first = await knex.transaction()
  const others = Array.from({ length: 200 }, (_, n) =>
    knex.transaction(async trx => trx('people').insert({ name: `p${n}` }))
  )
  t.deepEqual(await knex('people').pluck('name'), [])
  await first.rollback()
  await Promise.all(others)
  t.deepEqual(await knex('people').count('* as n'), [{ n: 200 }])
})

test('destroy waits for what is under way, and may be called twice', async t => {
  const knex = await openPeople(t)
  knex.client.logger.warn = () => {}
  const trx = await knex.transaction()
  await trx('people').insert({ name: 'Ada' })
  const destroyed = knex.destroy()
  const wait = await mustBlock(t, destroyed)
  t.is((await settled(knex('people'))).code, 'ERR_SQLOCK_CLOSED')
  await trx.commit()
  await wait()
  await knex.destroy()
  t.regex((await settled(knex('people'))).message, /Unable to acquire a connection/)
  const migrationSource = { getMigrations: async () => [] } as never
  t.regex((await settled(knex.migrate.latest({ migrationSource }))).message, /Unable to acquire a connection/)
  knex.initialize()
  t.deepEqual(await knex('people').pluck('name'), ['Ada'])
})

test('destroy waits for a query that has just been issued, and that opens the DB', async t => {
  const dir = tmpDir(t)
  const knex = openKnex(t, dir)
  const made = knex.schema.createTable('t', table => void table.integer('n')).then(() => 'made')
  await knex.destroy()
  t.is(await made, 'made')
})

test('destroy of one that was never used opens nothing', async t => {
  const dir = join(tmpDir(t), 'inner')
  const knex = openKnex(t, dir)
  await knex.destroy()
  t.false(existsSync(dir))
})

test('clones share the DB', async t => {
  const knex = await openPeople(t)
  const clone = knex.withUserParams({ tenant: 1 })
  await clone('people').insert({ name: 'Ada' })
  t.deepEqual(await knex('people').pluck('name'), ['Ada'])
  const pool = (knex.client as { pool: { numUsed(): number } }).pool
  await eventually(t, () => pool.numUsed() === 0)
})

test('poolOf wants a DB', t => {
  t.throws(() => poolOf('app.db' as never), { instanceOf: TypeError })
})
