/** Iterators, each with a snapshot that ends with it. */
import test from 'ava'
import { eventually, mustBlock, rejection } from './helpers/block.ts'
import { ENDLESS, withRows } from './helpers/table.ts'

test('an iterator keeps its snapshot while others write, and a plain read beside it is fresh', async t => {
  const db = await withRows(t, 1000)
  const [first, second] = [db.prepare('SELECT id FROM t').iterate(), db.iterate('SELECT id FROM t')]
  t.is((first.next().value as any).id, 1)
  await db.run('DELETE FROM t WHERE id > 500')
  t.is((second.next().value as any).id, 1)
  t.deepEqual(db.get('SELECT count(*) AS n FROM t'), { n: 500 })
  t.is([...first].length, 999)
  t.is([...second].length, 499)
})

test('an iterator that is left early, by break or by an error, ends its snapshot', async t => {
  const db = await withRows(t, 10_000)
  const leave = [
    () => {
      for (const row of db.iterate('SELECT * FROM t')) if (row.id === 5) break
    },
    () => {
      try {
        for (const _ of db.iterate('SELECT * FROM t')) throw new Error('left')
      } catch {}
    },
    async () => {
      for await (const row of db.iterateAsync('SELECT * FROM t')) if (row.id === 5) break
    },
    () => void db.iterate('SELECT * FROM t').return?.()
  ]
  for (const how of leave) {
    await how()
    await db.run("UPDATE t SET name = 'x' WHERE id = 1")
    await eventually(t, async () => (await db.checkpoint('TRUNCATE')).complete)
  }
  t.pass()
})

/** They used to be held for ever, with a thread, a connection and a snapshot each, which keeps checkpoints from their end. */
test('an iterator that nobody goes on with ends its snapshot when it is collected', async t => {
  const db = await withRows(t, 10_000)
  const begin = async () => {
    db.iterate('SELECT * FROM t')
    db.iterate('SELECT * FROM t').next()
    await db.iterateAsync('SELECT * FROM t').next()
  }
  await begin()
  await db.run("UPDATE t SET name = 'x' WHERE id = 1")
  await eventually(t, async () => {
    globalThis.gc?.()
    return (await db.checkpoint('TRUNCATE')).complete
  })
  t.pass()
})

test('close() ends iterators, and waits for reads that workers do', async t => {
  const db = await withRows(t, 10_000)
  const [sync, later] = [db.iterate('SELECT * FROM t'), db.iterateAsync('SELECT * FROM t')]
  sync.next()
  await later.next()
  const reading = db.allAsync('SELECT * FROM t')
  await db.close()
  t.is((await reading).length, 10_000)
  t.throws(() => [...sync], { code: 'ERR_SQLOCK_CLOSED' })
  const rest = async () => {
    for await (const _ of later);
  }
  t.is((await rejection(rest())).code, 'ERR_SQLOCK_CLOSED')
  t.is((await rejection(db.allAsync('SELECT 1'))).code, 'ERR_SQLOCK_CLOSED')
  t.throws(() => db.prepare('SELECT 1'), { code: 'ERR_SQLOCK_CLOSED' })
})

/** Rows for a chunk and a half, and then nothing for ever. */
const STUCK =
  'WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n <= 300'

test('close() under an iterator that waits for rows is ERR_SQLOCK_CLOSED', async t => {
  const db = await withRows(t, 0)
  const fresh = db.iterateAsync('SELECT 1')
  const waiting = [db.iterateAsync(STUCK), db.prepare(STUCK).iterateAsync()]
  for (const rows of waiting) for (let n = 0; n < 256; n++) await rows.next()
  waiting.push(db.iterateAsync(ENDLESS))
  const next = waiting.map(rows => rejection(rows.next()))
  await mustBlock(t, Promise.race(next))
  await db.close()
  for (const error of await Promise.all(next)) t.is(error.code, 'ERR_SQLOCK_CLOSED', error.stack)
  t.is((await rejection(fresh.next())).code, 'ERR_SQLOCK_CLOSED')
  for (const rows of [fresh, ...waiting]) t.deepEqual(await rows.next(), { value: undefined, done: true })
})

test('iterateAsync() never throws: what is wrong with the call is the rejection of the first next()', async t => {
  const db = await withRows(t, 1)
  const select = db.prepare('SELECT ? FROM t')
  const calls: [() => AsyncIterableIterator<unknown>, object][] = [
    [() => db.iterateAsync(7 as any), { name: 'TypeError', message: /^sql must be a string|^query must be/ }],
    [() => db.iterateAsync({ sql: 'SELECT 1', wrong: 1 } as any), { name: 'TypeError' }],
    [() => db.iterateAsync('SELECT ?', undefined as any), { name: 'TypeError', message: /^parameter 1 / }],
    [() => db.iterateAsync({ sql: 'SELECT 1', signal: 7 as any }), { name: 'TypeError' }],
    [() => select.iterateAsync(new Date() as any), { name: 'TypeError', message: /^parameter 1 / }],
    [() => db.iterateAsync('SELECT nothing'), { code: 'SQLITE_ERROR' }],
    [() => db.iterateAsync("INSERT INTO t (name) VALUES ('a')"), { code: 'ERR_SQLOCK_SYNC_WRITE' }]
  ]
  const all = async () => {
    for (const [call, expected] of calls) {
      const rows = call()
      await t.throwsAsync(rows.next(), expected as any, String(call))
      t.deepEqual(await rows.next(), { value: undefined, done: true })
      // Nobody goes on with this one, and that is no unhandled rejection.
      await call().return?.()
    }
  }
  await all()
  const ended = await db.begin()
  const inEnded = ended.prepare('SELECT 1')
  await ended.commit()
  for (const of of [ended.iterateAsync('SELECT 1'), inEnded.iterateAsync()])
    t.is((await rejection(of.next())).code, 'ERR_SQLOCK_NOT_HELD')
  await db.close()
  for (const of of [db.iterateAsync('SELECT 1'), select.iterateAsync(1)])
    t.is((await rejection(of.next())).code, 'ERR_SQLOCK_CLOSED')
})
