/** What Knex gives with sqlock and with its own driver for better-sqlite3 is the same. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import createKnex, { type Knex } from 'knex'
import { hasBetter } from './helpers/better.ts'
import { QUERIES } from './helpers/knex-queries.ts'
import { SCHEMA } from './helpers/knex-schema.ts'
import { TRANSACTIONS } from './helpers/knex-transactions.ts'
import { type Case, openKnex } from './helpers/knex.ts'
import { tmpDir } from './helpers/tmp.ts'

const require = createRequire(import.meta.url)

/** Another file than ours, so that two SQLite libraries are no danger to each other. */
function openTheirs(t: ExecutionContext): Knex {
  const BetterClient = require('knex/lib/dialects/better-sqlite3')
  class Client extends BetterClient {
    _driver() {
      return require('../bench/node_modules/better-sqlite3')
    }
  }
  const connection = { filename: join(tmpDir(t), 'theirs.db') }
  const client = Client as unknown as typeof Knex.Client
  const knex = createKnex({ client, connection, useNullAsDefault: true })
  t.teardown(() => knex.destroy())
  return knex
}

async function prepare(knex: Knex): Promise<void> {
  await knex.schema
    .createTable('teams', table => {
      table.increments('id')
      table.string('name').unique()
      table.json('tags')
    })
    .createTable('people', table => {
      table.increments('id')
      table.string('name').notNullable().unique()
      table.integer('age').defaultTo(30)
      table.boolean('active').defaultTo(true)
      table.datetime('joined')
      table.binary('photo')
      table.integer('team').references('teams.id').onDelete('cascade')
    })
  await knex('teams').insert([
    { name: 'red', tags: JSON.stringify(['a', { b: 1 }]) },
    { name: 'blue', tags: '{"x":{"y":[1,2,3]}}' }
  ])
  await knex('people').insert([
    { name: 'Ada', age: 36, team: 1 },
    { name: 'Grace', age: 85, team: 2 },
    { name: 'Alan', age: 41, team: 1, active: false }
  ])
}

interface Outcome {
  value?: unknown
  code?: unknown
  message?: string
  people: unknown
  schema: unknown
}

/** What has come of it, and what is in the database then. */
async function outcomeOf(knex: Knex, run: Case): Promise<Outcome> {
  await prepare(knex)
  const outcome = await Promise.resolve(run(knex)).then(
    value => ({ value }),
    ({ code, message }) => ({ code, message })
  )
  const schema = await knex('sqlite_master').select('type', 'name', 'sql').orderBy('name')
  const hasPeople = await knex.schema.hasTable('people')
  const people = hasPeople ? await knex('people').orderBy('id') : []
  return { ...outcome, people: structuredClone(people), schema: structuredClone(schema) }
}

const same = hasBetter() ? test : test.skip
for (const [name, run] of Object.entries({ ...QUERIES, ...TRANSACTIONS, ...SCHEMA })) {
  same(name, async t => {
    const ours = await outcomeOf(openKnex(t), run)
    const theirs = await outcomeOf(openTheirs(t), run)
    t.deepEqual(ours, theirs)
  })
}
