/** I1, I2, I3 among four languages: sqlock and the programs in peers/, which poll for the same db.lock. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { LockTimeout } from '../index.js'
import { rejection } from './helpers/block.ts'
import { Actor, acknowledged } from './helpers/child.ts'
import { PeerProcess, compilePeers, foreign, sqlock } from './helpers/peer.ts'
import { lockSize, lockText, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const peers = [sqlock, ...foreign]

test.before('the peers compile', compilePeers)

test('I1: increments by four languages at once are all there, and no two of them are ever inside', async t => {
  const dir = tmpDir(t)
  writeFileSync(join(dir, 'counter'), '0')
  const all = [...peers, ...peers, sqlock]
  const times = 80
  const counting = all.map(peer => new PeerProcess(t, peer, 'count', dir, String(times)))
  for (const one of counting) t.is(await one.says(), 'ready')
  for (const one of counting) one.goOn()
  const reports = await Promise.all(counting.map(one => one.reports()))
  t.is(readFileSync(join(dir, 'counter'), 'utf8'), String(all.length * times))
  t.is(lockSize(dir), 0)
  t.log(all.map(({ language }, n) => `${language}: ${reports[n].timeouts} timeouts`).join(', '))
})

for (const holding of peers) {
  test(`I1: while ${holding.language} holds, all others are refused and told by whom`, async t => {
    const dir = tmpDir(t)
    const holder = new PeerProcess(t, holding, 'hold', dir)
    t.is(await holder.says(), 'held')
    const text = lockText(dir)
    const since = /^time:(.*)$/m.exec(text)?.[1] as string
    t.true(text.startsWith(`pid:${holder.pid}\ntime:${since}\n`))

    const trying = (ms: string) => peers.map(peer => new PeerProcess(t, peer, 'try', dir, ms).reports())
    const refusals = await Promise.all(trying('60'))
    for (const [n, { granted, pid, since: told }] of refusals.entries()) {
      const { language } = peers[n]!
      t.false(granted, language)
      t.is(pid, holder.pid, language)
      // sqlock tells every time in the form of its own.
      t.is(told, language === 'sqlock' ? new Date(since).toISOString() : since, language)
    }
    const error = await rejection(openLocker(t, dir).acquire(20))
    t.true(error instanceof LockTimeout)
    t.is(error.holder, text.trim())
    t.is(error.holderInfo.pid, holder.pid)
    t.true(error.holderInfo.command.includes(holding.command.at(-1)))
    t.true(error.holderInfo.ageMs >= 0 && error.holderInfo.ageMs < 60_000, 'whatever its time zone')
    t.is((await rejection(openDb(t, dir, { timeout: 20 }).createRecord('a', 1))).code, 'ERR_SQLOCK_TIMEOUT')

    const waiting = openLocker(t, dir).withLock(() => lockText(dir), Infinity)
    holder.goOn()
    t.true((await waiting).startsWith(`pid:${process.pid}\n`))
    t.is(await holder.says(), 'released')
    for (const report of await Promise.all(trying('20000'))) t.deepEqual(report, { granted: true })
    t.is(lockSize(dir), 0)
  })
}

for (const peer of foreign) {
  test(`I3: sqlock gets the lock of a killed ${peer.language} program, and that one the lock of a killed sqlock`, async t => {
    const dir = tmpDir(t)
    const doomed = new PeerProcess(t, peer, 'hold', dir)
    t.is(await doomed.says(), 'held')
    const successor = new PeerProcess(t, sqlock, 'hold', dir, '20000')
    await doomed.kill()
    t.is(await successor.says(), 'held')
    t.regex(lockText(dir), new RegExp(`^pid:${successor.pid}\ntime:.*Z\nlabel:a peer\n$`))

    const next = new PeerProcess(t, peer, 'hold', dir, '20000')
    await successor.kill()
    t.is(await next.says(), 'held')
    t.regex(lockText(dir), new RegExp(`^pid:${next.pid}\ntime:.*\n$`), 'nothing is left of the longer text')
  })
}

test('I2: the rows of four languages that write at once are all there, once each', async t => {
  const dir = tmpDir(t)
  const notes = join(dir, 'acknowledged')
  const db = openDb(t, dir)
  const first = await db.createRecord('first', 0)
  const writers = [1, 2].map(
    n => new Actor(t, 'writer.mjs', [join(dir, 'app.db'), '20000', `flood ${n}`, '16', notes])
  )
  for (const writer of writers) t.is(await writer.says(), 'ready')
  const count = 40
  const inserting = peers.map(peer => new PeerProcess(t, peer, 'insert', dir, peer.language, String(count)))
  for (const one of inserting) t.is(await one.says(), 'ready')
  for (const one of inserting) one.goOn()
  for (const writer of writers) writer.tell('go')
  const reports = await Promise.all(inserting.map(one => one.reports()))
  for (const writer of writers) t.is(await writer.says(), 'done')

  const rows = db.getAllRecords()
  for (const [n, { language }] of peers.entries()) {
    const { written, timeouts, maxWaitMs } = reports[n]
    t.is(written.length + timeouts, count)
    t.deepEqual(
      rows.filter(({ name }) => name === language).map(({ value }) => value),
      written,
      language
    )
    t.log(`${language}: ${timeouts} timeouts, longest wait ${maxWaitMs.toFixed(0)} ms`)
  }
  const floods = rows.filter(({ name }) => name.startsWith('flood'))
  t.deepEqual(
    floods.map(({ id }) => id),
    acknowledged(notes).toSorted((a, b) => a - b)
  )
  t.is(new Set(floods.map(({ name }) => name)).size, 40_000)
  t.is(rows[0]?.id, first)
  t.is(rows.length, 1 + floods.length + reports.flatMap(({ written }) => written).length)
  t.is(db.pragma('integrity_check', { simple: true }), 'ok')
})
