/** I3: a process that is killed frees the lock, and its unfinished write leaves no trace. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { eventually, timed } from './helpers/block.ts'
import { Actor, acknowledged, spawnHolder } from './helpers/child.ts'
import { lockText, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('the lock of a killed holder is free, and its text is gone with the next hold', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir, { label: 'doomed' })
  const locker = openLocker(t, dir)
  const waiting = locker.acquire(Infinity)
  await holder.kill()
  const ms = await timed(() => waiting)
  t.log(`granted ${ms.toFixed(2)} ms after the news of the death`)
  t.is(lockText(dir).split('\n')[0], `pid:${process.pid}`)
  t.false(lockText(dir).includes('doomed'))
})

test('a text that a killed holder left behind names nobody', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir)
  await holder.kill()
  t.true(lockText(dir).startsWith(`pid:${holder.pid}`))
  t.deepEqual((await openLocker(t, dir).status()).holder, null)
})

test('a child that the killed holder has spawned does not keep the lock', async t => {
  const dir = tmpDir(t)
  const holder = new Actor(t, 'holder.mjs', [dir, JSON.stringify({ grandchild: true })])
  const { pids } = await holder.says<{ pids: number[] }>()
  t.teardown(() => pids.forEach(pid => process.kill(pid, 'SIGKILL')))
  await holder.kill()
  t.notThrows(() => pids.forEach(pid => process.kill(pid, 0)), 'the children live')
  t.true((await openLocker(t, dir).acquire(5000)).held)
})

test('a writer that is killed while its frames go into the WAL leaves nothing of that write', async t => {
  const dir = tmpDir(t)
  const path = join(dir, 'app.db')
  const wal = `${path}-wal`
  const writer = new Actor(t, 'crasher.mjs', [path, String(64 << 20)])
  t.is(await writer.says(), 'writing')
  await eventually(t, () => existsSync(wal) && statSync(wal).size > 2 << 20)
  await writer.kill()
  const bytes = statSync(wal).size
  t.log(`killed with ${(bytes / 2 ** 20).toFixed(0)} MB in the WAL`)
  const db = openDb(t, dir)
  const ms = await timed(async () => t.is(await db.createRecord('after', 3), 2))
  t.log(`the next write took ${ms.toFixed(1)} ms`)
  t.deepEqual(
    db.getAllRecords().map(row => row.name),
    ['before', 'after']
  )
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
})

for (const inFlight of [1, 64]) {
  test(`writers that are killed at random instants with ${inFlight} in flight lose no acknowledged write`, async t => {
    const dir = tmpDir(t)
    const path = join(dir, 'app.db')
    const notes = join(dir, 'acknowledged')
    const rounds = 12
    for (let round = 0; round < rounds; round++) {
      const writer = new Actor(t, 'writer.mjs', [path, '1000000', `r${round}`, String(inFlight), notes])
      t.is(await writer.says(), 'ready')
      const written = statSync(notes).size
      const more = Math.random() * 300 * inFlight
      writer.tell('go')
      await eventually(t, () => statSync(notes).size > written + more)
      await writer.kill()
    }
    const seen = acknowledged(notes)
    const db = openDb(t, dir)
    const ids = new Set(db.getAllRecords().map(row => row.id))
    t.deepEqual(
      seen.filter(id => !ids.has(id)),
      [],
      'each acknowledged row is there'
    )
    t.is(new Set(seen).size, seen.length)
    t.true(ids.size - seen.length <= rounds * inFlight, 'at most what was in flight in each killed writer')
    t.is(db.pragma('integrity_check', { simple: true }), 'ok')
    t.log(`${seen.length} acknowledged, ${ids.size} rows, ${rounds} kills`)
  })
}
