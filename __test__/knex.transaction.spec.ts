/** Transactions of Knex: beside each other, beside plain writes, and when they cannot begin or end. */
import test from 'ava'
import { LockTimeout } from '../index.js'
import { eventually, mustBlock, rejection } from './helpers/block.ts'
import { spawnHolder } from './helpers/child.ts'
import { openKnex, openPeople, withoutForeignKeys } from './helpers/knex.ts'
import { lockSize, openDb, tmpDir } from './helpers/tmp.ts'

test('a transaction is seen by nobody until it is committed', async t => {
  const dir = tmpDir(t)
  const knex = await openPeople(t, dir)
  const db = openDb(t, dir)
  await knex.transaction(async trx => {
    await trx('people').insert({ name: 'Ada' })
    t.deepEqual(await trx('people').pluck('name'), ['Ada'])
    t.deepEqual(await knex('people').pluck('name'), [])
    t.deepEqual(db.all('SELECT * FROM people'), [])
    t.true((await db.lockStatus()).locked)
  })
  t.deepEqual(await knex('people').pluck('name'), ['Ada'])
  t.is(lockSize(dir), 0)
})

test('transactions that are begun at once come one after another', async t => {
  const knex = await openPeople(t, tmpDir(t), { timeout: 60_000 })
  await knex('people').insert({ name: 'Ada', age: 0 })
  const increment = () =>
    knex.transaction(async trx => {
      const { age } = await trx('people').first()
      await trx('people').update({ age: age + 1 })
    })
  await Promise.all(Array.from({ length: 50 }, increment))
  t.is((await knex('people').first()).age, 50)
})

test('plain writes wait for the end of a transaction', async t => {
  const knex = await openPeople(t, tmpDir(t), { timeout: 60_000 })
  const trx = await knex.transaction()
  await trx('people').insert({ name: 'first' })
  const wait = await mustBlock(t, Promise.resolve(knex('people').insert({ name: 'second' })))
  await trx.commit()
  t.deepEqual(await wait(), [2])
})

test('a plain write that is awaited in a transaction times out, and tells that this process holds the lock', async t => {
  const knex = await openPeople(t, tmpDir(t), { timeout: 50 })
  const error = await rejection(
    knex.transaction(async trx => {
      await trx('people').insert({ name: 'Ada' })
      await knex('people').insert({ name: 'Grace' })
    })
  )
  t.true(error instanceof LockTimeout)
  t.is(error.holderInfo.pid, process.pid)
  t.deepEqual(await knex('people').pluck('name'), [])
})

test('a transaction that cannot begin runs nothing', async t => {
  const dir = tmpDir(t)
  const knex = await openPeople(t, dir, { timeout: 50 })
  await spawnHolder(t, dir)
  const failed = knex.transaction(async () => t.fail())
  t.true((await rejection(failed)) instanceof LockTimeout)
  t.true((await rejection(knex.transaction())) instanceof LockTimeout)
  t.true((await rejection(knex.transactionProvider()())) instanceof LockTimeout)
})

test('a COMMIT that fails has rolled back, and gives the lock back', async t => {
  const dir = tmpDir(t)
  const knex = openKnex(t, dir)
  await knex.schema.createTable('parents', table => void table.increments('id'))
  await knex.raw(
    'create table children (parent integer references parents (id) deferrable initially deferred)'
  )
  const error = await rejection(knex.transaction(async trx => trx('children').insert({ parent: 1 })))
  t.is(error.code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
  t.deepEqual(await knex('children'), [])
  t.is(lockSize(dir), 0)
})

test('a statement that rolls back everything ends the transaction', async t => {
  const knex = await openPeople(t)
  await knex('people').insert({ name: 'Ada' })
  const error = await rejection(
    knex.transaction(async trx => {
      await trx('people').insert({ name: 'Grace' })
      await trx.raw("insert or rollback into people (name) values ('Ada')").catch(() => {})
      await trx('people').insert({ name: 'Alan' })
    })
  )
  t.is(error.code, 'ERR_SQLOCK_NOT_HELD')
  t.deepEqual(await knex('people').pluck('name'), ['Ada'])
  await knex.transaction(async trx => trx('people').insert({ name: 'Grace' }))
})

test('a transaction that ends while a savepoint is open ends that, too', async t => {
  const knex = await openPeople(t)
  for (const end of ['commit', 'rollback'] as const) {
    const trx = await knex.transaction()
    const inner = await trx.transaction()
    await inner('people').insert({ name: end })
    await trx[end]()
    t.regex((await rejection(Promise.resolve(inner('people')))).message, /already complete/)
  }
  t.deepEqual(await knex('people').pluck('name'), ['commit'])
})

test('queries of a transaction that nobody awaits are in it', async t => {
  const knex = await openPeople(t)
  await knex.transaction(async trx => {
    for (const name of ['Ada', 'Grace'])
      trx('people')
        .insert({ name })
        .then(() => {})
  })
  t.deepEqual(await knex('people').pluck('name'), ['Ada', 'Grace'])
})

test('a rollback with a reason rejects with it', async t => {
  const knex = await openPeople(t)
  const reason = new Error('reason')
  const trx = await knex.transaction()
  await trx('people').insert({ name: 'Ada' })
  await trx.rollback(reason)
  t.is(await rejection(trx.executionPromise), reason)
  t.deepEqual(await knex('people'), [])
})

test('the isolation level is passed over, with a warning, since there is one only', async t => {
  const knex = await openPeople(t)
  const warnings: string[] = []
  knex.client.logger.warn = (text: string) => void warnings.push(text)
  await knex.transaction(async trx => trx('people').insert({ name: 'Ada' }), { isolationLevel: 'snapshot' })
  t.regex(warnings.join(), /only supports serializable/)
  t.deepEqual(await knex('people').pluck('name'), ['Ada'])
})

test('an interrupted query rolls back its transaction', async t => {
  const knex = await openPeople(t)
  const endless = 'with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n'
  const error = await rejection(
    knex.transaction(async trx => {
      await trx('people').insert({ name: 'Ada' })
      await trx.raw(`insert into people (name) ${endless}`).timeout(20, { cancel: true })
    })
  )
  t.is(error.name, 'KnexTimeoutError')
  t.deepEqual(await knex('people'), [])
})

withoutForeignKeys('a transaction without foreign keys leaves those of other writes alone', async t => {
  const knex = openKnex(t, tmpDir(t), { timeout: 60_000 })
  await knex.schema.createTable('parents', table => void table.increments('id'))
  await knex.schema.createTable('children', table => void table.integer('parent').references('parents.id'))
  let orphan: Promise<unknown> = Promise.resolve()
  await knex.transaction(
    async trx => {
      orphan = rejection(Promise.resolve(knex('children').insert({ parent: 7 })))
      await trx('children').insert({ parent: 8 })
      await trx('parents').insert({ id: 8 })
    },
    { enforceForeignCheck: false } as object
  )
  t.is(((await orphan) as { code: string }).code, 'SQLITE_CONSTRAINT_FOREIGNKEY')
  t.deepEqual(await knex('children'), [{ parent: 8 }])
})

withoutForeignKeys('the lock is free again when a transaction without foreign keys has failed', async t => {
  const dir = tmpDir(t)
  const knex = openKnex(t, dir)
  await knex.schema.createTable('parents', table => void table.increments('id'))
  const failed = knex.transaction(async () => Promise.reject(new Error('no')), {
    enforceForeignCheck: false
  } as object)
  t.is((await rejection(failed)).message, 'no')
  await eventually(t, () => lockSize(dir) === 0)
  t.deepEqual(await knex('parents').insert({ id: 3 }), [3])
})

test('last_insert_rowid() in a transaction is that of the insert before, and is refused outside', async t => {
  const knex = await openPeople(t, tmpDir(t))
  await knex('people').insert({ name: 'another' })
  await knex.transaction(async trx => {
    await trx('people').insert({ name: 'Ada' })
    await trx('people').insert({ name: 'child', age: trx.raw('last_insert_rowid()') })
  })
  t.deepEqual(await knex('people').pluck('age'), [null, null, 2])
  const refused = await rejection(knex('people').insert({ name: 'x', age: knex.raw('last_insert_rowid()') }))
  t.is(refused.code, 'SQLITE_AUTH')
})
