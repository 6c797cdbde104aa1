/** Knex on a fresh database. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import createKnex, { type Knex } from 'knex'
import { SqlockClient, poolOf } from '../../adapters/knex/index.js'
import type { DB, DBOptions, IntegerMode } from '../../index.js'
import { tmpDir } from './tmp.ts'

export function openKnex(t: ExecutionContext, dir = tmpDir(t), options: DBOptions<IntegerMode> = {}): Knex {
  const connection = { filename: join(dir, 'app.db'), ...options }
  return closing(t, createKnex({ client: SqlockClient, connection, useNullAsDefault: true }))
}

const { version } = createRequire(import.meta.url)('knex/package.json') as { version: string }
/** Before 3.2 Knex has no transactions without foreign keys. */
export const withoutForeignKeys = version.startsWith('3.1') ? test.skip : test

/** Something that is done with it. */
export type Case = (knex: Knex) => unknown

/** On a DB that is open already. */
export function knexOn(t: ExecutionContext, db: DB): Knex {
  return closing(t, createKnex({ client: SqlockClient, connectionPool: poolOf(db), useNullAsDefault: true }))
}

/** The same with a table of people. */
export async function openPeople(t: ExecutionContext, dir = tmpDir(t), options?: DBOptions): Promise<Knex> {
  const knex = openKnex(t, dir, options)
  await knex.schema.createTable('people', table => {
    table.increments('id')
    table.string('name').notNullable().unique()
    table.integer('age')
  })
  return knex
}

function closing(t: ExecutionContext, knex: Knex): Knex {
  t.teardown(() => knex.destroy())
  return knex
}
