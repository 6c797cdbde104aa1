/** Signals, which queries of Kysely take from 0.29 on: it is kysely.versions.spec.ts that runs these tests. */
import ava from 'ava'
import * as kysely from 'kysely'
import { sql } from 'kysely'
import { eventually, mustBlock, rejection } from './helpers/block.ts'
import { insert, names, withPersons } from './helpers/kysely.ts'
import { openLocker, tmpDir } from './helpers/tmp.ts'

/** It came with the signals. */
const areThere = 'isCompiledQuery' in kysely
if (!areThere) console.warn('skipped: this version of Kysely has no signals')
const test = areThere ? ava.serial : ava.skip

const ENDLESS = sql`
  INSERT INTO person (name)
  WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0`
const CANCEL = { inflightQueryAbortStrategy: 'cancel query' }

/** `execute()` as Kysely 0.29 has it. */
const execute = (query: any, ...args: unknown[]): Promise<any> => query.execute(...args)

test('a query that is called off before it has begun is not run', async t => {
  const { db } = await withPersons(t)
  const query = db.insertInto('person').values({ name: 'Ada' })
  t.is(await rejection(execute(query, { signal: AbortSignal.abort('no') })), 'no')
  t.deepEqual(await names(db), [])
})

test('a query that is cancelled is interrupted, and gives the lock back', async t => {
  const { db, database } = await withPersons(t)
  const controller = new AbortController()
  const endless = execute(ENDLESS, db, { signal: controller.signal, ...CANCEL })
  await eventually(t, async () => (await database.lockStatus()).locked)
  controller.abort('enough')
  t.is(await rejection(endless), 'enough')
  await insert(db, 'Ada')
  t.deepEqual(await names(db), ['Ada'])
})

test('a query that is cancelled while it waits for the lock leaves the queue', async t => {
  const dir = tmpDir(t)
  const { db } = await withPersons(t, dir)
  const locker = openLocker(t, dir)
  await locker.acquire()
  const controller = new AbortController()
  const query = db.insertInto('person').values({ name: 'never' })
  const waiting = execute(query, { signal: controller.signal, ...CANCEL })
  await mustBlock(t, waiting)
  controller.abort('enough')
  t.is(await rejection(waiting), 'enough')
  await locker.unlock()
  await insert(db, 'Ada')
  t.deepEqual(await names(db), ['Ada'])
})

test('a query that is ignored from now on is still done', async t => {
  const dir = tmpDir(t)
  const { db } = await withPersons(t, dir)
  const locker = openLocker(t, dir)
  await locker.acquire()
  const controller = new AbortController()
  const query = db.insertInto('person').values({ name: 'Ada' })
  const waiting = execute(query, { signal: controller.signal })
  await mustBlock(t, waiting)
  controller.abort('enough')
  t.is(await rejection(waiting), 'enough')
  await locker.unlock()
  await insert(db, 'Grace')
  t.deepEqual(await names(db), ['Ada', 'Grace'])
})

test('a query that is cancelled in a transaction undoes that, if its error is passed on', async t => {
  const { db } = await withPersons(t)
  const controller = new AbortController()
  const failing = db.transaction().execute(async trx => {
    await insert(trx, 'Ada')
    const endless = execute(ENDLESS, trx, { signal: controller.signal, ...CANCEL })
    await mustBlock(t, endless)
    controller.abort('enough')
    await endless
  })
  t.is(await rejection(failing), 'enough')
  t.deepEqual(await names(db), [])
})

test('a stream that is called off ends its reader', async t => {
  const { db, database } = await withPersons(t)
  await sql`
    WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 2000)
    INSERT INTO person (name) SELECT n FROM c`.execute(db)
  const controller = new AbortController()
  const stream = (db.selectFrom('person').selectAll() as any).stream({ signal: controller.signal })
  await stream.next()
  controller.abort('enough')
  t.is(await rejection(stream.next()), 'enough')
  await insert(db, 'last')
  t.true((await database.checkpoint('TRUNCATE')).complete)
})

test('to kill a session is refused: there is none', async t => {
  const { db } = await withPersons(t)
  const { signal } = new AbortController()
  const query = db.selectFrom('person').selectAll()
  const error = await rejection(execute(query, { signal, inflightQueryAbortStrategy: 'kill session' }))
  t.regex(error.message, /kill session/)
  t.deepEqual(await names(db), [])
})
