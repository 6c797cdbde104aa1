/** Queries, by the sentence that each is the case of; on tables of teams and of people, see knex.differential.spec.ts. */
import type { Case } from './knex.ts'

/** What Knex gives for these is its driver's business. */
const nothing = (): void => {}

export const QUERIES: Record<string, Case> = {
  'select with columns, aliases and order': knex =>
    knex('people').select('id', 'name as n').orderBy('age', 'desc'),
  first: knex => knex('people').where({ name: 'Ada' }).first(),
  'first of nothing': knex => knex('people').where({ name: 'none' }).first('id'),
  pluck: knex => knex('people').orderBy('id').pluck('name'),
  distinct: knex => knex('people').distinct('team').orderBy('team'),
  'where with every kind of value': knex =>
    knex('people')
      .where({ active: true })
      .andWhere('age', '<', 50)
      .whereNull('joined')
      .whereNotIn('name', ['x', 'y']),
  'where between, like, exists, or': knex =>
    knex('people')
      .whereBetween('age', [40, 90])
      .orWhereLike('name', 'A%')
      .orWhereExists(knex('teams').whereRaw('teams.id = people.team and teams.name = ?', ['blue']))
      .orderBy('id'),
  whereILike: knex => knex('people').whereILike('name', 'a%').orderBy('id'),
  'whereNot and a group of conditions': knex =>
    knex('people')
      .whereNot({ name: 'Ada' })
      .where(q => q.where('age', 85).orWhere('age', 41))
      .orderBy('id'),
  join: knex =>
    knex('people')
      .join('teams', 'teams.id', 'people.team')
      .select('people.name', 'teams.name as team')
      .orderBy('people.id'),
  'left join with a condition': knex =>
    knex('teams')
      .leftJoin('people', q => q.on('teams.id', 'people.team').andOnVal('people.age', '>', 50))
      .orderBy('teams.id'),
  aggregates: knex =>
    knex('people').count('* as n').sum('age as s').min('age as low').max('age as high').avg('age as mean'),
  'count without an alias': knex => knex('people').count(),
  'group by, having': knex =>
    knex('people').select('team').count('* as n').groupBy('team').having('n', '>', 1),
  'union, union all, intersect, except': knex =>
    Promise.all([
      knex('people').select('name').union(knex('teams').select('name')).orderBy('name'),
      knex('people')
        .select('team')
        .unionAll([knex('teams').select('id')])
        .orderBy('team'),
      knex('people').select('team').intersect(knex('teams').select('id').where('id', 1)),
      knex('people').select('team').except(knex('teams').select('id').where('id', 1))
    ]),
  'limit and offset': knex => knex('people').orderBy('id').limit(1).offset(1),
  'offset alone': knex => knex('people').orderBy('id').offset(2),
  subqueries: knex =>
    knex('people').where('age', knex('people').max('age')).select('name', knex('teams').count().as('teams')),
  'with, recursive and materialized': knex =>
    knex
      .withRecursive('n', ['i'], q =>
        q.select(knex.raw('1')).unionAll(r => r.select(knex.raw('i + 1')).from('n').where('i', '<', 5))
      )
      .withMaterialized('old', knex('people').where('age', '>', 40))
      .select('n.i', 'old.name')
      .from('n')
      .join('old', 'old.id', 'n.i'),
  'window functions': knex =>
    knex('people')
      .select('name')
      .rank('place', q => q.orderBy('age'))
      .rowNumber('row', 'age'),
  JSON: knex =>
    knex('teams')
      .jsonExtract('tags', '$.x.y', 'y')
      .jsonSet('tags', '$.z', 'five', 'set')
      .jsonRemove('tags', '$.x', 'removed')
      .whereJsonPath('tags', '$.x.y[0]', '=', 1),
  'raw with bindings of both kinds': async knex =>
    structuredClone([
      ...(await knex.raw('select ?? from ?? where ?? = ?', ['name', 'people', 'id', 1])),
      ...(await knex.raw('select :name: from people where id = :id', { name: 'name', id: 2 }))
    ]),
  'raw of a write tells what it did': async knex => {
    const { changes, lastInsertRowid } = await knex.raw("insert into teams (name) values ('raw')")
    return { changes, lastInsertRowid }
  },
  'raw within a query': knex =>
    knex('people')
      .select(knex.raw('age * ? as more', [2]))
      .where(knex.raw('id = ?', 1)),
  'ref and fn': knex =>
    knex('people')
      .select(knex.ref('people.name').as('n'))
      .where(knex.raw('length(?) > 0', [knex.fn.uuid()])),
  'clone, modify, first': knex =>
    knex('people')
      .modify(q => q.where('age', '>', 40))
      .clone()
      .orderBy('id')
      .first(),
  'insert gives the rowid': knex => knex('people').insert({ name: 'Linus' }),
  'insert of many gives the last rowid': knex => knex('people').insert([{ name: 'a' }, { name: 'b' }]),
  'insert of rows with different columns': knex =>
    knex('people').insert([
      { name: 'a', age: 1 },
      { name: 'b', active: false }
    ]),
  'insert of nothing': knex => knex('people').insert([]),
  'insert of defaults': knex => knex('teams').insert({}),
  'insert of defaults, returning': knex => knex('teams').insert({}).returning('id'),
  'insert from a query': knex =>
    knex(knex.raw('?? (??)', ['teams', 'name'])).insert(knex('people').select('name')),
  'insert returning': knex =>
    knex('people').insert({ name: 'a', age: null }).returning(['id', 'name', 'age']),
  'insert of many returning a column': knex => knex('people').insert([{ name: 'a' }, { name: 'b' }], 'id'),
  'insert with every kind of value': knex =>
    knex('people')
      .insert({
        name: 'é😀',
        active: false,
        age: 2.5,
        joined: new Date(86_400_000),
        photo: Buffer.from([0, 255])
      })
      .returning('*'),
  'insert of objects and arrays': knex =>
    knex('teams')
      .insert({ name: 'o', tags: { a: [1] } as unknown as string })
      .returning('*'),
  'insert, on conflict ignore': knex =>
    knex('people').insert({ name: 'Ada' }).onConflict('name').ignore().returning('id'),
  'insert, on conflict merge': knex =>
    knex('people').insert({ name: 'Ada', age: 1 }).onConflict('name').merge().returning('*'),
  'insert, on conflict merge of some columns, where': knex =>
    knex('people')
      .insert([
        { name: 'Ada', age: 1 },
        { name: 'Alan', age: 2 }
      ])
      .onConflict('name')
      .merge(['age'])
      .where('people.age', '>', 40)
      .returning('id'),
  batchInsert: knex =>
    knex.batchInsert(
      'people',
      Array.from({ length: 9 }, (_, n) => ({ name: `p${n}` })),
      2
    ),
  'batchInsert returning': knex =>
    knex
      .batchInsert<{ id: number; name: string }>('people', [{ name: 'a' }, { name: 'b' }, { name: 'c' }], 2)
      .returning('id'),
  'update gives the count': knex => knex('people').where('age', '>', 40).update({ active: true }),
  'update returning': knex => knex('people').where({ id: 1 }).update({ age: 37 }, ['id', 'age']),
  'update of nothing': knex => knex('people').where({ id: 99 }).update('age', 1),
  'increment, decrement': async knex => [
    await knex('people').increment('age', 2),
    await knex('people').where({ id: 1 }).decrement({ age: 1 })
  ],
  'delete gives the count': knex => knex('people').where({ team: 1 }).del(),
  'delete cascades': knex => knex('teams').where({ id: 1 }).del(),
  truncate: knex => knex('people').truncate().then(nothing),
  'a unique constraint': knex => knex('people').insert({ name: 'Ada' }),
  'a not null constraint': knex => knex('people').insert({ age: 1 }),
  'a foreign key': knex => knex('people').insert({ name: 'a', team: 99 }),
  'a table that is not there': knex =>
    knex('none').then(
      () => {},
      ({ code }) => code
    ),
  'a misspelt column': knex => knex('people').select('nmae'),
  'an empty text': knex =>
    knex.raw('').then(
      () => {},
      ({ message }) => message
    ),
  streams: async knex => {
    const rows: unknown[] = []
    for await (const row of knex('people').orderBy('id').stream()) rows.push(row)
    return rows
  },
  'postProcessResponse and wrapIdentifier of a clone': async knex => {
    const upper = knex.withUserParams({ upper: true })
    return [upper.userParams, await upper('people').pluck('id')]
  }
}
