/** Several processes with Knex at once, counted. */
import { join } from 'node:path'
import test from 'ava'
import { Actor } from './helpers/child.ts'
import { openKnex } from './helpers/knex.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

test('transactions and plain writes of four processes are all there, and none of them is half there', async t => {
  const [dir, count] = [tmpDir(t), 100]
  const knex = openKnex(t, dir)
  for (const name of ['moves', 'entries']) {
    await knex.schema.createTable(name, table => {
      table.integer('pid')
      table.integer('n')
      table.unique(['pid', 'n'])
    })
  }
  await knex.schema.createTable('accounts', table => {
    table.increments('id')
    table.integer('balance').notNullable()
  })
  await knex('accounts').insert([{ balance: 0 }, { balance: 0 }])

  const args = [join(dir, 'app.db'), String(count)]
  const writers = Array.from({ length: 4 }, () => new Actor(t, 'knex-writer.cjs', args))
  for (const writer of writers) t.is(await writer.says(), 'ready')
  for (const writer of writers) writer.tell('go')
  for (const writer of writers) t.is(await writer.says(), 'done')

  const moved = 4 * count * 0.75
  t.deepEqual(await knex('accounts').orderBy('id').pluck('balance'), [-moved, moved])
  t.deepEqual(await knex('moves').count('* as n'), [{ n: moved }])
  t.deepEqual(await knex('entries').count('* as n'), [{ n: 4 * count }])
  t.is(openDb(t, dir).pragma('integrity_check', { simple: true }), 'ok')
})
