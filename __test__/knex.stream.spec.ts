/** Streams of Knex. */
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import type { Knex } from 'knex'
import { eventually } from './helpers/block.ts'
import { openPeople } from './helpers/knex.ts'

const ROWS = 2000
const many = (knex: Knex) =>
  knex('people').insert(
    knex.raw(`with recursive n(i) as (select 1 union all select i + 1 from n limit ${ROWS})
    select null, 'p' || i, i from n`)
  )
const numUsed = (knex: Knex) => (knex.client as { pool: { numUsed(): number } }).pool.numUsed()

test('a stream gives all rows, one after the other', async t => {
  const knex = await openPeople(t)
  await many(knex)
  const ages: number[] = []
  for await (const { age } of knex('people').orderBy('id').stream()) ages.push(age)
  t.deepEqual(
    ages,
    Array.from({ length: ROWS }, (_, n) => n + 1)
  )
  await eventually(t, () => numUsed(knex) === 0)
})

test('a stream is read no further than it is taken, and ends when it is left', async t => {
  const knex = await openPeople(t)
  await many(knex)
  for await (const { age } of knex('people').orderBy('id').stream()) if (age === 3) break
  await eventually(t, () => numUsed(knex) === 0)
  t.is(await knex('people').del(), ROWS)
})

test('a stream with a function resolves when all rows have been taken', async t => {
  const knex = await openPeople(t)
  await many(knex)
  let count = 0
  const slow = new Writable({
    objectMode: true,
    write(_row, _encoding, done) {
      count++
      setImmediate(done)
    }
  })
  const ended = new Promise(resolve => slow.on('finish', resolve))
  await knex('people').stream(stream => void stream.pipe(slow))
  await ended
  t.is(count, ROWS)
})

test('a stream of a query that is wrong fails with the error', async t => {
  const knex = await openPeople(t)
  const sink = new Writable({ objectMode: true, write: (_row, _encoding, done) => done() })
  await t.throwsAsync(pipeline(knex('none').stream(), sink), { code: 'SQLITE_ERROR' })
  await eventually(t, () => numUsed(knex) === 0)
})

test('a stream belongs to the transaction that it is begun in', async t => {
  const knex = await openPeople(t)
  const names = await knex.transaction(async trx => {
    await trx('people').insert({ name: 'Ada' })
    const seen: string[] = []
    for await (const { name } of trx('people').stream()) seen.push(name)
    await trx('people').insert({ name: 'Grace' })
    return seen
  })
  t.deepEqual(names, ['Ada'])
  t.deepEqual(await knex('people').pluck('name'), ['Ada', 'Grace'])
})

test('what a write returns may be streamed, and raw queries', async t => {
  const knex = await openPeople(t)
  const seen: unknown[] = []
  for await (const row of knex('people').insert({ name: 'Ada' }).returning('name').stream()) seen.push(row)
  for await (const row of knex.raw('select name from people').stream()) seen.push(row)
  t.deepEqual(seen, [{ name: 'Ada' }, { name: 'Ada' }])
})
