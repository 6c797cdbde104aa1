/** Several processes with Kysely on one database. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { Actor, run } from './helpers/child.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const migrator = (t: ExecutionContext, dir: string, options: object = {}) =>
  new Actor(t, 'kysely-migrator.mjs', [join(dir, 'app.db'), JSON.stringify(options)])

interface Migrated {
  error?: string
  applied: number
}

test('four processes that write in transactions, in savepoints and without lose nothing', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.exec('CREATE TABLE counter (n); INSERT INTO counter VALUES (0)')
  const rounds = 25
  const writer = fileURLToPath(new URL('fixtures/kysely-writer.mjs', import.meta.url))
  const outcomes = await Promise.all(
    Array.from({ length: 4 }, () => run(t, process.execPath, [writer, db.dbPath, String(rounds)]))
  )
  for (const { code, stderr } of outcomes) t.is(code, 0, stderr)
  t.deepEqual(db.get('SELECT n FROM counter'), { n: 4 * rounds * 3 })
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
})

for (const disableTransactions of [false, true]) {
  const how = disableTransactions ? 'without transactions' : 'in a transaction'
  test(`eight processes that migrate at once, ${how}, apply each migration once`, async t => {
    const dir = tmpDir(t)
    const migrators = Array.from({ length: 8 }, () => migrator(t, dir, { disableTransactions }))
    for (const each of migrators) t.is(await each.says(), 'ready')
    for (const each of migrators) each.tell('go')
    const outcomes = await Promise.all(migrators.map(each => each.says<Migrated>()))
    t.deepEqual(
      outcomes.map(({ error }) => error),
      Array(8).fill(undefined)
    )
    t.deepEqual(outcomes.map(({ applied }) => applied).toSorted(), [0, 0, 0, 0, 0, 0, 0, 10])
    const db = openDb(t, dir)
    const numbers = Array.from({ length: 10 }, (_, n) => n)
    t.deepEqual(
      db.all('SELECT n FROM log ORDER BY rowid').map(({ n }) => n),
      numbers
    )
    t.deepEqual(
      db.all('SELECT name FROM kysely_migration ORDER BY name').map(({ name }) => name),
      numbers.map(n => `m${n}`)
    )
    t.false((await db.lockStatus()).locked)
  })
}

test('a process that is killed while it migrates leaves nothing of that, and nobody waits for it', async t => {
  const dir = tmpDir(t)
  const killed = migrator(t, dir, { hangs: true })
  t.is(await killed.says(), 'ready')
  killed.tell('go')
  t.is(await killed.says(), 'hangs')
  const next = migrator(t, dir)
  t.is(await next.says(), 'ready')
  next.tell('go')
  await killed.kill()
  t.deepEqual(await next.says(), { applied: 10 })
  t.is(openDb(t, dir).all('SELECT n FROM log').length, 10)
})
