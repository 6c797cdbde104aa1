/** Queries of Knex: what takes the lock and what does not, and the errors. */
import test from 'ava'
import { LockTimeout, SqliteError, SqlockError } from '../index.js'
import { rejection } from './helpers/block.ts'
import { spawnHolder } from './helpers/child.ts'
import { knexOn, openKnex, openPeople } from './helpers/knex.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

test('reads do not wait for the lock, writes do', async t => {
  const dir = tmpDir(t)
  const knex = await openPeople(t, dir, { timeout: 100 })
  await knex('people').insert({ name: 'Ada' })
  const holder = await spawnHolder(t, dir, { label: 'an import' })
  t.deepEqual(await knex('people').pluck('name'), ['Ada'])
  t.true(await knex.schema.hasTable('people'))
  const error = await rejection(knex('people').insert({ name: 'Grace' }))
  t.true(error instanceof LockTimeout)
  t.is(error.code, 'ERR_SQLOCK_TIMEOUT')
  t.is(error.timeoutMs, 100)
  t.is(error.holderInfo.pid, holder.pid)
  t.is(error.holderInfo.label, 'an import')
  await holder.kill()
  t.deepEqual(await knex('people').insert({ name: 'Grace' }), [2])
})

test('each write that times out has an error of its own', async t => {
  const dir = tmpDir(t)
  const knex = await openPeople(t, dir, { timeout: 50 })
  await spawnHolder(t, dir)
  const names = ['Ada', 'Grace']
  const errors = await Promise.all(
    names.map(name => rejection(Promise.resolve(knex('people').insert({ name }))))
  )
  errors.forEach((error, n) => {
    t.true(error instanceof LockTimeout)
    t.is(error.message.match(/insert into/g)?.length, 1, error.message)
    t.true(error.message.includes(names[n] as string))
  })
})

test('errors are those of sqlock, with the query before their message', async t => {
  const knex = await openPeople(t)
  await knex('people').insert({ name: 'Ada' })
  for (const [query, code] of [
    [knex('people').insert({ name: 'Ada' }), 'SQLITE_CONSTRAINT_UNIQUE'],
    [knex('people').insert({ age: 1 }), 'SQLITE_CONSTRAINT_NOTNULL'],
    [knex('people').select('none'), 'SQLITE_ERROR']
  ] as const) {
    const error = await rejection(Promise.resolve(query))
    t.true(error instanceof SqliteError)
    t.is(error.code, code)
    t.true(error.message.startsWith(query.toString()), error.message)
  }
  const begun = await rejection(Promise.resolve(knex.raw('BEGIN')))
  t.true(begun instanceof SqlockError)
  t.is(begun.code, 'ERR_SQLOCK_TRANSACTION')
})

test('writes that are under way together share commits', async t => {
  const db = openDb(t)
  const knex = knexOn(t, db)
  await knex.schema.createTable('t', table => void table.integer('n'))
  const before = db.stats()
  await Promise.all(Array.from({ length: 1000 }, (_, n) => knex('t').insert({ n })))
  const { writes, commits } = db.stats()
  t.is(writes - before.writes, 1000)
  t.true(commits - before.commits < 500, `${commits - before.commits} commits`)
  t.deepEqual(await knex('t').countDistinct('n as n'), [{ n: 1000 }])
})

test('raw tells what a write did and what a read found', async t => {
  const knex = await openPeople(t)
  const written = await knex.raw('insert into people (name) values (?), (?)', ['Ada', 'Grace'])
  t.is(written.changes, 2)
  t.is(written.lastInsertRowid, 2)
  t.is(written.length, 0)
  const read = await knex.raw('select name from people where id = ?', [1])
  t.is(read[0].name, 'Ada')
  const returned = await knex.raw('update people set age = 1 returning id')
  t.deepEqual([...returned], [{ id: 1 }, { id: 2 }])
  t.is(returned.changes, 2)
})

test('an insert that inserts nothing gives 0', async t => {
  const knex = await openPeople(t)
  t.deepEqual(await knex('people').insert({ name: 'Ada' }), [1])
  t.deepEqual(await knex('people').insert({ name: 'Ada' }).onConflict('name').ignore(), [0])
})

test('numbers are bound as INTEGERs, and read as the DB is told to', async t => {
  const knex = openKnex(t, tmpDir(t), { integers: 'auto' })
  await knex.schema.createTable('t', table => void table.specificType('a', 'any'))
  await knex('t').insert([{ a: 1 }, { a: 2.5 }, { a: 2n ** 60n }, { a: true }])
  t.deepEqual(await knex('t').select('a', knex.raw('typeof(a) as type')), [
    { a: 1, type: 'integer' },
    { a: 2.5, type: 'real' },
    { a: 2n ** 60n, type: 'integer' },
    { a: 1, type: 'integer' }
  ])
})

test('a query that takes too long is interrupted when that was asked for', async t => {
  const knex = await openPeople(t)
  const endless = 'with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n'
  const read = await rejection(Promise.resolve(knex.raw(endless).timeout(20, { cancel: true })))
  t.is(read.name, 'KnexTimeoutError')
  const write = knex.raw(`insert into people (name) ${endless}`).timeout(20, { cancel: true })
  t.is((await rejection(Promise.resolve(write))).name, 'KnexTimeoutError')
  t.deepEqual(await knex('people').insert({ name: 'Ada' }), [1])
})

test('a query that waits too long for the lock leaves the queue', async t => {
  const dir = tmpDir(t)
  const knex = await openPeople(t, dir, { timeout: 60_000 })
  const holder = await spawnHolder(t, dir)
  const late = knex('people').insert({ name: 'late' }).timeout(20, { cancel: true })
  t.is((await rejection(Promise.resolve(late))).name, 'KnexTimeoutError')
  await holder.kill()
  await knex('people').insert({ name: 'Ada' })
  t.deepEqual(await knex('people').pluck('name'), ['Ada'])
})

test('a long read leaves the event loop free', async t => {
  const knex = await openPeople(t)
  const counting =
    'with recursive n(i) as (select 1 union all select i + 1 from n limit 3000000) select max(i) as i from n'
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  const [{ i }] = await knex.raw(counting)
  clearInterval(timer)
  t.is(i, 3_000_000)
  t.true(turns > 1)
})

test('a database that is opened for reading only is read', async t => {
  const dir = tmpDir(t)
  const writer = await openPeople(t, dir)
  await writer('people').insert({ name: 'Ada' })
  const knex = openKnex(t, dir, { readonly: true })
  t.deepEqual(await knex('people').pluck('name'), ['Ada'])
  t.is((await rejection(Promise.resolve(knex('people').del()))).code, 'SQLITE_READONLY')
})

test('a DB of the program is used and left open', async t => {
  const db = openDb(t)
  const knex = knexOn(t, db)
  await knex.schema.createTable('t', table => void table.integer('n'))
  await db.transaction(async tx => {
    await knex('t').insert({ n: 1 })
    t.is(
      tx.get<{ n: number }>('SELECT n FROM t')?.n,
      1,
      'it belongs to the transaction that it was issued in'
    )
  })
  await knex.destroy()
  t.true(db.open)
  t.deepEqual(db.all('SELECT n FROM t'), [{ n: 1 }])
  knex.initialize()
  t.deepEqual(await knex('t').pluck('n'), [1])
})
