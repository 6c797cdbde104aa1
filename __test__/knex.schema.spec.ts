/** Changes of tables for which Knex makes them anew: nothing is lost, whatever refers to them. */
import test from 'ava'
import type { Knex } from 'knex'
import { rejection } from './helpers/block.ts'
import { knexOn, openKnex, withoutForeignKeys } from './helpers/knex.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

/** One parent, and a child that goes or changes with it. */
async function family(knex: Knex, onDelete: string): Promise<void> {
  await knex.schema.createTable('parents', table => {
    table.increments('id')
    table.string('name')
    table.integer('age')
  })
  await knex.schema.createTable('children', table => {
    table.integer('parent').references('parents.id').onDelete(onDelete)
  })
  await knex('parents').insert({ name: 'Ada', age: 36 })
  await knex('children').insert({ parent: 1 })
}

type Change = (schema: Knex.SchemaBuilder) => PromiseLike<unknown>

const dropColumn: Change = schema => schema.alterTable('parents', table => void table.dropColumn('age'))
const alter: Change = schema =>
  schema.alterTable('parents', table => void table.string('name', 50).notNullable().alter())
const dropNullable: Change = schema => schema.alterTable('parents', table => void table.dropNullable('name'))
const addForeign: Change = schema =>
  schema.alterTable('parents', table => void table.foreign('age').references('parents.id'))
const dropName: Change = schema => schema.alterTable('tree', table => void table.dropColumn('name'))

for (const [name, change] of Object.entries({ dropColumn, alter, dropNullable, addForeign })) {
  test(`${name} of a table keeps the rows that refer to it`, async t => {
    const knex = openKnex(t)
    await family(knex, 'cascade')
    if (change === addForeign) await knex('parents').update({ age: 1 })
    await change(knex.schema)
    t.deepEqual(await knex('children'), [{ parent: 1 }])
    t.is((await knex('parents').first()).name, 'Ada')
    t.is(
      (await rejection(Promise.resolve(knex('children').insert({ parent: 9 })))).code,
      'SQLITE_CONSTRAINT_FOREIGNKEY'
    )
  })

  for (const onDelete of ['cascade', 'set null']) {
    test(`${name} in a transaction is refused where rows would follow by ${onDelete}`, async t => {
      const knex = openKnex(t)
      await family(knex, onDelete)
      const error = await rejection(knex.transaction(async trx => change(trx.schema)))
      t.regex(error.message, /children/)
      t.deepEqual(await knex('children'), [{ parent: 1 }])
      t.deepEqual(await knex('parents'), [{ id: 1, name: 'Ada', age: 36 }])
    })
  }
}

test('a table that refers to itself is not made anew in a transaction', async t => {
  const knex = openKnex(t)
  await knex.schema.createTable('tree', table => {
    table.increments('id')
    table.integer('parent').references('tree.id').onDelete('cascade')
    table.string('name')
  })
  await knex('tree').insert([{ parent: null }, { parent: 1 }])
  t.regex((await rejection(knex.transaction(async trx => dropName(trx.schema)))).message, /tree/)
  await dropName(knex.schema)
  t.deepEqual(await knex('tree'), [
    { id: 1, parent: null },
    { id: 2, parent: 1 }
  ])
})

withoutForeignKeys('a transaction without foreign keys may make a table anew', async t => {
  const knex = openKnex(t)
  await family(knex, 'cascade')
  await knex.transaction(async trx => alter(trx.schema), { enforceForeignCheck: false } as object)
  t.deepEqual(await knex('children'), [{ parent: 1 }])
})

test('others write only when the table is made anew, and with foreign keys', async t => {
  const knex = openKnex(t, tmpDir(t), { timeout: 60_000 })
  await family(knex, 'cascade')
  const orphans = Array.from({ length: 100 }, () =>
    rejection(Promise.resolve(knex('children').insert({ parent: 9 })))
  )
  const [, ...errors] = await Promise.all([alter(knex.schema), ...orphans])
  t.deepEqual([...new Set(errors.map(({ code }) => code))], ['SQLITE_CONSTRAINT_FOREIGNKEY'])
})

test('foreign keys that the program has turned off stay off', async t => {
  const knex = openKnex(t)
  await family(knex, 'cascade')
  await knex.raw('PRAGMA foreign_keys = OFF')
  await knex('children').insert({ parent: 9 })
  await alter(knex.schema)
  await knex('children').insert({ parent: 10 })
  t.deepEqual(await knex('children').pluck('parent'), [1, 9, 10])
})

test('a DB that enforces none, and one that gives bigints', async t => {
  for (const options of [{ foreignKeys: false }, { integers: 'bigint' as const }]) {
    const knex = openKnex(t, tmpDir(t), options)
    await family(knex, 'cascade')
    for (const change of [dropColumn, alter]) await change(knex.schema)
    t.deepEqual((await knex('children')).length, 1)
    t.deepEqual(Object.keys(await knex('parents').columnInfo()), ['id', 'name'])
  }
})

test('in a transaction of the DB itself rows are kept, too', async t => {
  const db = openDb(t)
  const knex = knexOn(t, db)
  await family(knex, 'cascade')
  const error = await rejection(db.transaction(async () => alter(knex.schema)))
  t.regex(error.message, /in a transaction foreign keys remain/)
  t.deepEqual(await knex('children'), [{ parent: 1 }])
})
