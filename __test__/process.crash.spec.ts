/** I3: a process that is killed frees the lock, and its unfinished write leaves no trace. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { eventually, timed } from './helpers/block.ts'
import { Actor, acknowledged, spawnHolder } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { randomOf, seedOf } from './helpers/seed.ts'
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

posix('children')('a child that the killed holder has spawned does not keep the lock', async t => {
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

/** Writers of one database, killed one at a time, each with others at work: how many are alive, and how many kills. */
const KILLS = [
  { inFlight: 64, alive: 4, kills: 200 },
  { inFlight: 1, alive: 2, kills: 24 }
]
for (const { inFlight, alive, kills } of KILLS) {
  test(`${kills} writers that are killed at random instants with ${inFlight} in flight lose no acknowledged write`, async t => {
    const dir = tmpDir(t)
    t.timeout(300_000, 'starting so many processes takes its time on a busy machine')
    const random = randomOf(seedOf(t))
    const notes = (n: number) => join(dir, `acknowledged-${n}`)
    const noted = (n: number) => (existsSync(notes(n)) ? statSync(notes(n)).size : 0)
    const start = async (n: number) => {
      const args = [join(dir, 'app.db'), '1000000', String(n), String(inFlight), notes(n)]
      const writer = new Actor(t, 'writer.mjs', args)
      t.is(await writer.says(), 'ready')
      return { n, writer }
    }
    let started = 0
    const atWork: { writer: Actor; hasWritten: () => boolean }[] = []
    // Two more than are at work are on their way to take the place of those that are killed, and have precedence.
    const next = [start(started++), start(started++)]
    const begin = async () => {
      const { n, writer } = await (next.shift() as (typeof next)[0])
      next.push(start(started++))
      setPriority(writer.pid, constants.priority.PRIORITY_BELOW_NORMAL)
      writer.tell('go')
      const enough = random() * 50 * inFlight
      atWork.push({ writer, hasWritten: () => noted(n) > enough })
    }
    for (let n = 0; n < alive; n++) await begin()
    for (let kill = 0; kill < kills; kill++) {
      await eventually(t, () => atWork.some(({ hasWritten }) => hasWritten()))
      const ripe = atWork.filter(({ hasWritten }) => hasWritten())
      const one = ripe[Math.floor(random() * ripe.length)] as (typeof ripe)[0]
      atWork.splice(atWork.indexOf(one), 1)
      await one.writer.kill()
      await begin()
    }
    for (const { writer } of [...atWork, ...(await Promise.all(next))]) await writer.kill()

    const db = openDb(t, dir)
    const rows = new Map(db.getAllRecords().map(({ id, name }) => [id, name]))
    t.is(new Set(rows.values()).size, rows.size, 'no write is there twice')
    const written = new Map<string, number>()
    for (const name of rows.values()) {
      const [n] = name.split('-') as [string]
      written.set(n, (written.get(n) ?? 0) + 1)
    }
    let seen = 0
    for (const [n, count] of written) {
      const ids = acknowledged(notes(Number(n)))
      t.deepEqual(
        ids.filter(id => !rows.get(id)?.startsWith(`${n}-`)),
        [],
        'each acknowledged row is there'
      )
      t.is(new Set(ids).size, ids.length)
      t.true(count - ids.length <= inFlight, 'and at most what was in flight besides')
      seen += ids.length
    }
    t.true(written.size >= kills)
    t.is(db.pragma('integrity_check', { simple: true }), 'ok')
    t.log(`${seen} acknowledged, ${rows.size} rows, ${started} kills`)
  })
}

test('writers that are killed at random instants in their transactions leave whole ones only', async t => {
  const dir = tmpDir(t)
  const [path, notes] = [join(dir, 'app.db'), join(dir, 'acknowledged')]
  const db = openDb(t, dir)
  await db.exec('CREATE TABLE half (pair, half, PRIMARY KEY (pair, half)) WITHOUT ROWID')
  const kills = 30
  for (let round = 0; round < kills; round++) {
    const writer = new Actor(t, 'pairs.mjs', [path, `r${round}`, notes])
    t.is(await writer.says(), 'ready')
    const written = statSync(notes).size
    const more = Math.random() * 400
    await eventually(t, () => statSync(notes).size > written + more)
    await writer.kill()
  }
  const pairs = db.all('SELECT pair, count(*) AS halves FROM half GROUP BY pair')
  t.deepEqual(
    pairs.filter(({ halves }) => halves !== 2),
    []
  )
  const there = new Set(pairs.map(({ pair }) => pair))
  const seen = readFileSync(notes, 'utf8').split('\n').slice(0, -1)
  t.deepEqual(
    seen.filter(pair => !there.has(pair)),
    [],
    'each acknowledged pair is there'
  )
  t.true(there.size - seen.length <= kills * 4)
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
  t.log(`${seen.length} acknowledged, ${there.size} pairs, ${kills} kills`)
})

test('transactions that read before they write go on while others are killed, and each counts on from the last', async t => {
  const dir = tmpDir(t)
  t.timeout(300_000, 'starting so many processes takes its time on a busy machine')
  const [path, random] = [join(dir, 'app.db'), randomOf(seedOf(t))]
  const db = openDb(t, dir)
  await db.exec('CREATE TABLE counted (n PRIMARY KEY, half) WITHOUT ROWID')
  const [alive, kills] = [3, 30]
  const notes = (n: number) => join(dir, `counted-${n}`)
  const start = async (n: number) => {
    const counter = new Actor(t, 'reads-first.mjs', [path, notes(n)])
    t.is(await counter.says(), 'ready')
    return { n, counter }
  }
  const atWork = await Promise.all(Array.from({ length: alive }, (_, n) => start(n)))
  for (let kill = 0; kill < kills; kill++) {
    const [{ n, counter }] = atWork.splice(Math.floor(random() * alive), 1) as [(typeof atWork)[0]]
    const enough = random() * 200
    await eventually(t, () => statSync(notes(n)).size > enough)
    await counter.kill()
    atWork.push(await start(alive + kill))
  }
  for (const { counter } of atWork) await counter.kill()
  const seen = Array.from({ length: alive + kills }, (_, n) =>
    readFileSync(notes(n), 'utf8').split('\n').slice(0, -1)
  ).flat()
  t.deepEqual(
    seen.filter(n => !/^\d+$/.test(n)),
    [],
    'nothing has failed'
  )
  t.is(new Set(seen).size, seen.length, 'no two have counted from the same number')
  const { halves, last } = db.get('SELECT count(*) AS halves, max(n) AS last FROM counted') as any
  t.is(halves, 2 * last)
  t.true(seen.every(n => Number(n) <= last))
  t.true(last - seen.length <= alive + kills, 'and at most one of each was not acknowledged')
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
  t.log(`${seen.length} acknowledged of ${last}, ${kills} kills`)
})
