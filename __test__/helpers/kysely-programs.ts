/** Programs that any dialect of Kysely for SQLite can run: each gives what it has seen. */
import { type ColumnDefinitionBuilder, type Generated, type Kysely, sql } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/sqlite'

export interface Tables {
  person: {
    id: Generated<number>
    first_name: string
    last_name: string | null
    gender: string
    age: number | null
  }
  pet: { id: Generated<number>; name: string; owner_id: number; species: string }
}
export type Program = (db: Kysely<Tables>) => Promise<unknown>

const id = (column: ColumnDefinitionBuilder) => column.primaryKey().autoIncrement()
const PERSONS = [
  { first_name: 'Ada', last_name: 'Lovelace', gender: 'female', age: 36 },
  { first_name: 'Alan', last_name: 'Turing', gender: 'male', age: 41 },
  { first_name: 'Grace', last_name: null, gender: 'female', age: null }
]
const PETS = [
  { name: 'Cat', owner_id: 1, species: 'cat' },
  { name: 'Dog', owner_id: 1, species: 'dog' },
  { name: 'Hamster', owner_id: 2, species: 'hamster' }
]
const SOMEBODY = { first_name: 'Some', last_name: 'Body', gender: 'other' }

/** What they begin with. */
export async function fill(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('person')
    .addColumn('id', 'integer', id)
    .addColumn('first_name', 'varchar(255)', column => column.notNull())
    .addColumn('last_name', 'varchar(255)')
    .addColumn('gender', 'varchar(50)', column => column.notNull())
    .addColumn('age', 'integer', column => column.check(sql`age > 0`))
    .execute()
  await db.schema
    .createTable('pet')
    .addColumn('id', 'integer', column => column.primaryKey())
    .addColumn('name', 'text', column => column.unique().notNull())
    .addColumn('owner_id', 'integer', column => column.references('person.id').onDelete('cascade').notNull())
    .addColumn('species', 'text', column => column.notNull().defaultTo('cat'))
    .execute()
  await db.schema.createIndex('pet_owner').on('pet').column('owner_id').execute()
  await db.insertInto('person').values(PERSONS).execute()
  await db.insertInto('pet').values(PETS).execute()
}

export const reads: Record<string, Program> = {
  'all columns': db => db.selectFrom('person').selectAll().execute(),
  'the first row, or none': async db => [
    await db.selectFrom('person').select('first_name').orderBy('age', 'desc').executeTakeFirst(),
    await db.selectFrom('person').select('id').where('id', '=', 99).executeTakeFirst(),
    await outcome(db.selectFrom('person').select('id').where('id', '=', 99).executeTakeFirstOrThrow())
  ],
  'conditions of every kind': db =>
    db
      .selectFrom('person')
      .select(['id', 'first_name as name'])
      .distinct()
      .where(eb => eb.or([eb('age', 'is', null), eb('age', '>', 40), eb('first_name', 'like', 'A%')]))
      .where('id', 'in', [1, 2, 3])
      .where(eb => eb.not(eb.exists(eb.selectFrom('pet').select('id').where('species', '=', 'fish'))))
      .orderBy('id')
      .limit(2)
      .offset(1)
      .execute(),
  'joins and aggregates': db =>
    db
      .selectFrom('person')
      .leftJoin('pet', 'pet.owner_id', 'person.id')
      .select(({ fn, val }) => [
        'person.id',
        fn.count<number>('pet.id').as('pets'),
        fn.coalesce(fn.max('pet.name'), val('none')).as('last'),
        sql<string>`group_concat(pet.species)`.as('species')
      ])
      .groupBy('person.id')
      .having(({ fn }) => fn.count('pet.id'), '>=', 0)
      .orderBy('person.id')
      .execute(),
  'a window, a case, and a cast': db =>
    db
      .selectFrom('person')
      .select(eb => [
        eb.fn.agg<number>('rank').over(over => over.orderBy('age')).as('rank'), // prettier-ignore
        eb.case().when('age', '>', 40).then('old').else('young').end().as('how'),
        eb.cast<string>('age', 'text').as('text')
      ])
      .orderBy('id')
      .execute(),
  'nested rows as JSON': db =>
    db
      .selectFrom('person')
      .select(eb => [
        'id',
        jsonArrayFrom(eb.selectFrom('pet').select('name').whereRef('owner_id', '=', 'person.id')).as('pets'),
        jsonObjectFrom(
          eb.selectFrom('pet').select('species').whereRef('owner_id', '=', 'person.id').limit(1)
        ).as('pet')
      ])
      .execute(),
  'WITH, also recursive, and sets': async db => [
    await db
      .with('women', db => db.selectFrom('person').selectAll().where('gender', '=', 'female'))
      .selectFrom('women')
      .select('first_name')
      .union(db.selectFrom('pet').select('name as first_name'))
      .orderBy('first_name')
      .execute(),
    await db
      .withRecursive('c(n)', db =>
        db.selectNoFrom(sql<number>`1`.as('n')).unionAll(
          db
            .selectFrom('c')
            .select(sql<number>`n + 1`.as('n'))
            .where('n', '<', 5)
        )
      )
      .selectFrom('c')
      .selectAll()
      .execute()
  ],
  'a stream': async db => {
    const rows: unknown[] = []
    for await (const row of db.selectFrom('person').selectAll().orderBy('id').stream()) rows.push(row)
    return rows
  },
  'what EXPLAIN tells': db => db.selectFrom('person').selectAll().where('id', '=', 1).explain(),
  'texts of the caller': async db => [
    await sql`SELECT ${1} AS one, ${'é'} AS text, ${null} AS none, ${1.5} AS real`.execute(db),
    await sql`SELECT * FROM ${sql.table('pet')} WHERE ${sql.ref('species')} = ${'cat'}`.execute(db),
    await sql`SELECT 1 WHERE 0`.execute(db),
    await outcome(sql`SELECT nothing`.execute(db)),
    await outcome(sql`SELEC 1`.execute(db))
  ],
  'the tables': async db => [
    await db.introspection.getTables(),
    await db.introspection.getTables({ withInternalKyselyTables: true }),
    await db.introspection.getSchemas()
  ]
}

export const writes: Record<string, Program> = {
  'inserts of one row and of several': async db => [
    await db.insertInto('person').values(SOMEBODY).execute(),
    await db.insertInto('person').values([SOMEBODY, SOMEBODY]).executeTakeFirst(),
    await db.insertInto('person').values(SOMEBODY).returning(['id', 'age']).executeTakeFirst(),
    await db
      .insertInto('pet')
      .columns(['name', 'owner_id'])
      .expression(db.selectFrom('person').select(['first_name', 'id']).where('id', '<=', 3))
      .execute(),
    await db.insertInto('pet').values({ name: 'Bird', owner_id: 1, species: 'bird' }).returningAll().execute()
  ],
  upserts: async db => [
    await db
      .insertInto('pet')
      .values({ name: 'Cat', owner_id: 2, species: 'tiger' })
      .onConflict(conflict =>
        conflict.column('name').doUpdateSet(eb => ({ species: eb.ref('excluded.species') }))
      )
      .returning(['id', 'owner_id', 'species'])
      .execute(),
    await db.replaceInto('pet').values({ id: 2, name: 'Dog', owner_id: 2, species: 'wolf' }).execute(),
    await db.selectFrom('pet').selectAll().execute()
  ],
  updates: async db => [
    await db.updateTable('person').set({ age: 37 }).where('id', '=', 1).executeTakeFirst(),
    await db
      .updateTable('person')
      .set(eb => ({ age: eb('age', '+', 1) }))
      .execute(),
    await db.updateTable('person').set('age', 1).where('id', '=', 99).execute(),
    await db
      .updateTable('pet')
      .from('person')
      .set(eb => ({ name: sql`${eb.ref('person.first_name')} || pet.id` }))
      .whereRef('pet.owner_id', '=', 'person.id')
      .returning('name')
      .execute()
  ],
  deletes: async db => [
    await db.deleteFrom('pet').where('id', '=', 1).execute(),
    await db.deleteFrom('person').where('id', 'in', [1, 2]).returning('first_name').execute(),
    await db.selectFrom('pet').selectAll().execute(),
    await db.deleteFrom('person').executeTakeFirst()
  ],
  errors: async db => [
    await outcome(db.insertInto('pet').values(PETS).execute()),
    await outcome(db.insertInto('pet').values({ name: 'x', owner_id: 99, species: 'cat' }).execute()),
    await outcome(db.updateTable('person').set({ age: -1 }).execute()),
    await outcome(
      db
        .updateTable('person')
        .set({ gender: null as never })
        .execute()
    ),
    await outcome(db.deleteFrom('nothing' as 'pet').execute()),
    await db.selectFrom('pet').selectAll().execute()
  ],
  'changes of the schema': async db => {
    await db.schema.alterTable('pet').addColumn('age', 'integer').execute()
    await db.schema.alterTable('pet').renameColumn('age', 'years').execute()
    await db.schema.alterTable('pet').dropColumn('years').execute()
    await db.schema.alterTable('pet').renameTo('animal').execute()
    await db.schema
      .createView('cats')
      .as(db.selectFrom('animal' as 'pet').selectAll())
      .execute()
    await db.schema.createTable('copy').as(db.selectFrom('person').selectAll()).execute()
    await db.schema.dropIndex('pet_owner').execute()
    const tables = await db.introspection.getTables()
    await db.schema.dropView('cats').execute()
    await db.schema.dropTable('copy').ifExists().execute()
    return [tables, await outcome(db.schema.dropTable('nothing').execute())]
  },
  transactions: async db => [
    await db.transaction().execute(trx => trx.insertInto('person').values(SOMEBODY).execute()),
    await outcome(
      db.transaction().execute(async trx => {
        await trx.deleteFrom('person').execute()
        throw new Error('undone')
      })
    ),
    await db.selectFrom('person').selectAll().execute()
  ],
  savepoints: async db => {
    const trx = await db.startTransaction().execute()
    await trx.insertInto('person').values(SOMEBODY).execute()
    const first = await trx.savepoint('first').execute()
    await first.deleteFrom('pet').execute()
    const second = await first.savepoint('second').execute()
    await second.deleteFrom('person').execute()
    await second.rollbackToSavepoint('second').execute()
    await second.updateTable('person').set({ age: 5 }).execute()
    await second.releaseSavepoint('second').execute()
    await second.rollbackToSavepoint('first').execute()
    await second.releaseSavepoint('first').execute()
    const inside = await trx.selectFrom('person').selectAll().execute()
    await trx.commit().execute()
    return [inside, await outcome(trx.selectFrom('person').selectAll().execute())]
  }
}

/** Transactions of random steps: inserts, of which some fail, and savepoints of few names, which may be there or not. */
export async function byChance(db: Kysely<Tables>, random: () => number): Promise<unknown> {
  const below = (count: number) => Math.floor(random() * count)
  const seen: unknown[] = []
  const note = async (step: Promise<unknown>) =>
    seen.push(
      await step.then(
        () => 'done',
        ({ message }) => message
      )
    )
  for (let n = 0; n < 60; n++) {
    const trx = await db.startTransaction().execute()
    for (let steps = 3 + below(15); steps > 0; steps--) {
      const [kind, name] = [below(10), ['a', 'b', 'B'][below(3)] as never]
      if (kind < 4)
        await note(trx.insertInto('pet').values({ name: `${n} ${below(6)}`, owner_id: 1, species: 'cat' }).execute()) // prettier-ignore
      else if (kind < 6) await note(trx.savepoint(name).execute())
      else if (kind < 8) await note(trx.rollbackToSavepoint(name).execute())
      else await note(trx.releaseSavepoint(name).execute())
    }
    await (below(3) ? trx.commit() : trx.rollback()).execute()
  }
  return [seen, await db.selectFrom('pet').selectAll().execute()]
}

/** What a promise gives, or what it is rejected with. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    return { code, message }
  }
}
