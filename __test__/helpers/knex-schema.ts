/** Changes of the schema; as those of knex-queries.ts. */
import type { Knex } from 'knex'
import type { Case } from './knex.ts'

/** What Knex gives for these is its driver's business. */
const nothing = (): void => {}

const up = (trx: Knex) => trx('teams').insert({ name: 'by a migration' })
const down = (trx: Knex) => trx('teams').where({ name: 'by a migration' }).del()

export const SCHEMA: Record<string, Case> = {
  'migrations, up and down': async knex => {
    const migrationSource = {
      getMigrations: async () => ['1', '2'],
      getMigrationName: (name: string) => name,
      getMigration: async (name: string) => (name === '1' ? { up, down } : { up: down, down: up })
    }
    const { migrate } = knex
    const config = { migrationSource }
    const first = await migrate.up(config)
    return [
      first,
      await migrate.list(config).then(lists => lists.map(({ length }: unknown[]) => length)),
      await migrate.latest(config),
      await migrate.status(config),
      await migrate.rollback(config),
      await migrate.currentVersion(config),
      await knex('knex_migrations').select('name', 'batch')
    ]
  },
  'columnInfo, hasTable, hasColumn': async knex => [
    await knex('people').columnInfo(),
    await knex('people').columnInfo('age'),
    await knex.schema.hasTable('people'),
    await knex.schema.hasTable('none'),
    await knex.schema.hasColumn('people', 'age'),
    await knex.schema.hasColumn('people', 'none')
  ],
  'createTable with every type': knex =>
    knex.schema
      .createTable('types', table => {
        table.bigIncrements('id')
        table.uuid('uuid')
        table.text('text')
        table.float('float')
        table.decimal('decimal', 8, 2)
        table.date('date')
        table.time('time')
        table.timestamps(true, true)
        table.enu('enum', ['a', 'b'])
        table.jsonb('jsonb')
        table.double('double').index()
        table.string('checked').checkIn(['x', 'y'])
        table.unique(['text', 'date'], { indexName: 'both' })
        table.check('float > decimal')
      })
      .then(nothing),
  'createTableLike, renameTable, dropTableIfExists': async knex => {
    await knex.schema.createTableLike('copy', 'people').renameTable('copy', 'renamed')
    await knex.schema.dropTableIfExists('none')
  },
  views: async knex => {
    await knex.schema.createView('old', view => {
      view.columns(['n'])
      view.as(knex('people').where('age', '>', 40).select('name'))
    })
    return knex('old').orderBy('n')
  },
  'alterTable adds columns and indexes': knex =>
    knex.schema
      .alterTable('people', table => {
        table.string('email').defaultTo('x')
        table.index(['age', 'name'], 'by_age')
        table.renameColumn('active', 'enabled')
      })
      .then(nothing),
  'alterTable makes the table anew': knex =>
    knex.schema
      .alterTable('people', table => {
        table.string('name', 100).notNullable().alter()
        table.dropColumn('joined')
        table.setNullable('name')
        table.dropForeign(['team'])
      })
      .then(nothing),
  'alterTable of a table that others refer to': knex =>
    knex.schema.alterTable('teams', table => table.dropColumn('tags')).then(nothing),
  'alterTable with a foreign key that is violated': async knex => {
    await knex('people').update({ age: 99 })
    return knex.schema.alterTable('people', table => {
      table.foreign('age').references('teams.id')
    })
  },
  'alterTable with a primary key': knex =>
    knex.schema
      .createTable('keys', table => void table.integer('a').notNullable())
      .alterTable('keys', table => void table.primary(['a']))
      .then(nothing),
  'alterTable in a transaction that throws': knex =>
    knex.transaction(async trx => {
      await trx.schema.alterTable('people', table => void table.dropColumn('joined'))
      await trx.schema.alterTable('people', table => void table.string('name', 10).notNullable().alter())
      throw new Error('undone')
    }),
  'alterTable in a transaction': knex =>
    knex.transaction(async trx => {
      await trx.schema.alterTable('people', table => void table.dropColumn('joined'))
      await trx.schema.alterTable(
        'people',
        table => void table.integer('age').notNullable().defaultTo(5).alter()
      )
    }),
  'foreign keys are enforced again after an alterTable': async knex => {
    await knex.schema.alterTable('people', table => void table.dropColumn('joined'))
    await knex.schema.alterTable('people', table => void table.integer('age').notNullable().alter())
    return knex('people').insert({ name: 'a', age: 1, team: 99 })
  },
  'toSQL, generateDdlCommands': async knex => [
    knex('people').where({ id: 1 }).toSQL().toNative(),
    knex('people')
      .where({ name: 'x', joined: new Date(0) })
      .toString(),
    (
      await knex.schema
        .alterTable('people', table => void table.string('name').notNullable().alter())
        .generateDdlCommands()
    ).sql.length
  ]
}
