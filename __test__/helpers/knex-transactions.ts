/** Transactions; as those of knex-queries.ts. */
import type { Case } from './knex.ts'

export const TRANSACTIONS: Record<string, Case> = {
  'a transaction that commits': knex =>
    knex.transaction(async trx => {
      const [id] = await trx('people').insert({ name: 'a' })
      await trx('people').where({ id }).update({ age: 1 })
      return trx('people').where({ id }).first()
    }),
  'a transaction that throws': knex =>
    knex.transaction(async trx => {
      await trx('people').del()
      throw new Error('undone')
    }),
  'a transaction that is rolled back with nothing': knex =>
    knex.transaction(trx =>
      trx('people')
        .del()
        .then(() => trx.rollback())
    ),
  'a transaction by transacting, with commit': knex =>
    knex.transaction(trx => {
      knex('people').transacting(trx).insert({ name: 'a' }).then(trx.commit, trx.rollback)
    }),
  'a transaction without a function': async knex => {
    const trx = await knex.transaction()
    await trx('people').insert({ name: 'a' })
    const count = await trx('people').count('* as n')
    await trx.commit()
    await trx.executionPromise
    return [count, trx.isCompleted()]
  },
  transactionProvider: async knex => {
    const provide = knex.transactionProvider()
    const [one, two] = await Promise.all([provide(), provide()])
    await one('people').insert({ name: 'a' })
    await two.rollback()
    return one === two
  },
  'a query on a transaction that has ended': async knex => {
    const trx = await knex.transaction()
    await trx.commit()
    return trx('people')
  },
  'savepoints that are released and rolled back': knex =>
    knex.transaction(async trx => {
      await trx.transaction(async inner => inner('people').insert({ name: 'kept' }))
      await trx
        .transaction(async inner => {
          await inner('people').insert({ name: 'lost' })
          await inner.savepoint(async innermost => innermost('people').insert({ name: 'lost, too' }))
          throw new Error('inner')
        })
        .catch(() => {})
      return trx('people').orderBy('id').pluck('name')
    }),
  'savepoints side by side': knex =>
    knex.transaction(async trx => {
      const settled = await Promise.allSettled(
        ['a', 'Ada', 'b'].map(name => trx.transaction(async inner => inner('people').insert({ name })))
      )
      return settled.map(({ status }) => status)
    }),
  'the outer handle while a savepoint is open': knex =>
    knex.transaction(async trx => {
      await trx
        .transaction(async inner => {
          await trx('people').insert({ name: 'by the outer' })
          await inner('people').insert({ name: 'by the inner' })
          throw new Error('both')
        })
        .catch(() => {})
      return trx('people').pluck('name')
    }),
  'an error in a transaction leaves the rest': knex =>
    knex.transaction(async trx => {
      await trx('people').insert({ name: 'a' })
      await trx('people')
        .insert({ name: 'Ada' })
        .catch(() => {})
      await trx('people').insert({ name: 'b' })
    }),
  'a transaction without foreign keys': knex =>
    knex.transaction(async trx => trx('teams').where({ id: 1 }).update({ id: 7 }), {
      enforceForeignCheck: false
    } as object),
  'a transaction without foreign keys that violates none': knex =>
    knex.transaction(
      async trx => {
        await trx('teams').where({ id: 1 }).update({ id: 7 })
        await trx('people').where({ team: 1 }).update({ team: 7 })
      },
      { enforceForeignCheck: false } as object
    ),
  'the events of a transaction': async knex => {
    const seen: string[] = []
    knex.on('query', ({ sql }) => seen.push(sql.replaceAll(/trx\d+/g, 'trx')))
    await knex.transaction(async trx => {
      await trx.transaction(async inner => inner('people').first())
      await trx.transaction(async () => Promise.reject(new Error('no'))).catch(() => {})
    })
    return seen
  }
}
