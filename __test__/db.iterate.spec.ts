/** Iterators, each with a snapshot that ends with it. */
import test from 'ava'
import { eventually, rejection } from './helpers/block.ts'
import { withRows } from './helpers/table.ts'

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
