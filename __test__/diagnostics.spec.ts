/** What is told on the channels of node:diagnostics_channel, and that nothing is without somebody who listens. */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { renameSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { type DB, type DiagnosticsMessages, LockTimeout, type Transaction } from '../index.js'
import { eventually, rejection } from './helpers/block.ts'
import { run, spawnHolder } from './helpers/child.ts'
import { posixSerial } from './helpers/posix.ts'
import { lockFile, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

// The channels belong to the process: one test at a time listens to them.
const CHANNELS = ['sqlock:lock', 'sqlock:batch', 'sqlock:checkpoint', 'sqlock:long-hold'] as const

/** All messages of a channel from now on. */
function heard<N extends keyof DiagnosticsMessages>(t: ExecutionContext, name: N): DiagnosticsMessages[N][] {
  const messages: DiagnosticsMessages[N][] = []
  const listener = (message: unknown) => void messages.push(message as DiagnosticsMessages[N])
  subscribe(name, listener)
  t.teardown(() => unsubscribe(name, listener))
  return messages
}

const isDuration = (ms: unknown) => typeof ms === 'number' && ms >= 0 && ms < 60_000

async function withTable(t: ExecutionContext, dir: string, options = {}): Promise<DB> {
  const db = openDb(t, dir, { timeout: 20_000, ...options })
  await db.exec('CREATE TABLE t (a UNIQUE)')
  return db
}

test.serial('a batch is told of with its statements and without its values', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const [batches, locks] = [heard(t, 'sqlock:batch'), heard(t, 'sqlock:lock')]
  const first = db.run('INSERT INTO t VALUES (0)')
  const others = ['secret', 'secret', 'other'].map(value => db.run('INSERT INTO t VALUES (?)', value))
  await Promise.allSettled([first, ...others])
  // Usually two batches; on a machine that is busy the first may take in others, or 20 ms go by between two calls.
  const texts = new Set(['INSERT INTO t VALUES (0)', 'INSERT INTO t VALUES (?)'])
  for (const { dbPath, statements, ms, waitMs, holdMs } of batches) {
    t.is(dbPath, db.dbPath)
    t.true(statements.length > 0 && statements.every(text => texts.has(text)))
    t.is(new Set(statements).size, statements.length)
    t.true(isDuration(ms) && isDuration(waitMs) && isDuration(holdMs))
  }
  const sum = (key: 'writes' | 'failed' | 'commits') => batches.reduce((sum, batch) => sum + batch[key], 0)
  t.deepEqual([sum('writes'), sum('failed')], [4, 1])
  t.true(sum('commits') > 0 && sum('commits') <= batches.length)
  t.deepEqual(
    locks.map(({ event, lockPath }) => [event, lockPath]),
    batches.flatMap(() => [
      ['acquired', lockFile(dir)],
      ['released', lockFile(dir)]
    ])
  )
  t.false(JSON.stringify([batches, locks]).includes('secret'))
})

test.serial(
  'a hold is told of when it begins and when it has ended, and writes under it have no wait',
  async t => {
    const dir = tmpDir(t)
    const db = await withTable(t, dir)
    const [batches, locks] = [heard(t, 'sqlock:batch'), heard(t, 'sqlock:lock')]
    await db.withWriteLock(async () => {
      t.is(locks.length, 1)
      await db.run('INSERT INTO t VALUES (1)')
    })
    await db.transaction(tx => tx.run('INSERT INTO t VALUES (2)'))
    await db.transaction(() => {})
    t.deepEqual(
      locks.map(message => message.event),
      ['acquired', 'released', 'acquired', 'released', 'acquired', 'released']
    )
    for (const message of locks) t.true(isDuration('waitMs' in message ? message.waitMs : message.holdMs))
    t.deepEqual(
      batches.map(({ writes, waitMs, holdMs }) => [writes, waitMs, holdMs]),
      Array.from({ length: 3 }, () => [1, null, null]),
      'BEGIN goes with the first write, and a transaction of nothing is no work'
    )
  }
)

const writeThree = (on: Pick<DB, 'run'>) =>
  Promise.all([1, 2, 3].map(() => on.run('INSERT INTO t VALUES (NULL)')))

test.serial(
  'writes that are issued in one tick go to SQLite together, under a hold and in a transaction',
  async t => {
    const db = await withTable(t, tmpDir(t))
    const batches = heard(t, 'sqlock:batch')
    const inTransaction = async (tx: Transaction) => {
      await writeThree(tx)
      const first = tx.run('INSERT INTO t VALUES (NULL)')
      t.throws(() => tx.get('SELECT 1'), { code: 'ERR_SQLOCK_BUSY' })
      await Promise.all([first, writeThree(db)])
      await writeThree(db)
    }
    const writes = async (act: () => Promise<unknown>) => {
      await act()
      return batches.splice(0).map(batch => batch.writes)
    }
    t.deepEqual(await writes(() => db.withWriteLock(() => writeThree(db))), [3])
    t.deepEqual(await writes(() => db.transaction(inTransaction)), [3, 4, 3, 1])
    t.deepEqual(await writes(() => db.transaction(tx => tx.savepoint(writeThree))), [1, 3, 1, 1])
  }
)

test.serial('calls that do not get the lock are told of with their error', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir, { timeout: 5 })
  await spawnHolder(t, dir, { label: 'in the way' })
  const locks = heard(t, 'sqlock:lock')
  const errors = await Promise.all([1, 2, 3].map(n => rejection(db.createRecord('a', n))))
  t.true(errors.every(error => error instanceof LockTimeout))
  const told = locks.splice(0)
  t.is(
    told.reduce((calls, message) => calls + (message.event === 'refused' ? message.calls : 0), 0),
    3
  )
  for (const message of told) {
    if (message.event !== 'refused') return t.fail(message.event)
    t.true(isDuration(message.waitMs))
    t.true(message.error instanceof LockTimeout)
  }
  const controller = new AbortController()
  const waiting = rejection(
    db.withWriteLock(() => t.fail(), { timeout: Infinity, signal: controller.signal })
  )
  setImmediate(() => controller.abort())
  t.is(await waiting, controller.signal.reason)
  t.like(locks, [{ event: 'refused', calls: 1, error: controller.signal.reason }])
  t.is(locks.length, 1)
})

test.serial('a WriteLocker tells of its holds, and of those that it did not get', async t => {
  const dir = tmpDir(t)
  const [locker, other] = [openLocker(t, dir), openLocker(t, dir)]
  const locks = heard(t, 'sqlock:lock')
  await (await other.tryAcquire())?.release()
  await locker.acquire()
  t.is(await other.tryAcquire(), null)
  t.true((await rejection(other.acquire(1))) instanceof LockTimeout)
  await locker.unlock()
  await other.withLock(() => {})
  t.deepEqual(
    locks.map(message => message.event),
    ['acquired', 'released', 'acquired', 'refused', 'released', 'acquired', 'released']
  )
})

posixSerial('open')('checkpoints are told of: asked for, in the background, and failed', async t => {
  const dir = tmpDir(t)
  const db = await withTable(t, dir)
  const checkpoints = heard(t, 'sqlock:checkpoint')
  const result = await db.checkpoint()
  const { ms, ...rest } = checkpoints.shift() as any
  t.true(isDuration(ms))
  t.deepEqual(rest, { dbPath: db.dbPath, mode: 'PASSIVE', background: false, ...result })
  await db.checkpoint('TRUNCATE')
  t.like(checkpoints.shift(), { mode: 'TRUNCATE', background: false, complete: true })
  for (let n = 0; n < 250; n++) await db.run('INSERT INTO t VALUES (?)', n)
  await eventually(t, () => checkpoints.length > 0)
  t.like(checkpoints.shift(), { dbPath: db.dbPath, mode: 'PASSIVE', background: true })
  renameSync(db.dbPath, join(dir, 'moved.db'))
  const error = await rejection(db.checkpoint())
  t.is(checkpoints.at(-1)?.error, error)
})

test.serial('a long hold is told of with the place that took it', async t => {
  const dir = tmpDir(t)
  const holds = heard(t, 'sqlock:long-hold')
  const db = openDb(t, dir, { lock: { longHoldMs: 1 } })
  await db.withWriteLock(() => eventually(t, () => holds.length > 0))
  t.like(holds, [{ lockPath: lockFile(dir), longHoldMs: 1 }])
  t.true(holds[0]?.stack?.includes('diagnostics.spec.ts'), holds[0]?.stack)
})

test.serial('without a subscriber nothing is told, and nothing is asked for it', async t => {
  const dir = tmpDir(t)
  const asked: string[] = []
  for (const name of CHANNELS) {
    const spied = channel(name)
    t.false(spied.hasSubscribers)
    spied.publish = () => void asked.push(name)
    t.teardown(() => Reflect.deleteProperty(spied, 'publish'))
  }
  // What messages are made of, and nothing else here asks for.
  const { NativeLock, NativeDatabase } = createRequire(import.meta.url)('../binding.js')
  for (const [{ prototype }, name] of [
    [NativeLock, 'lockPath'],
    [NativeDatabase, 'path']
  ]) {
    const { get, ...rest } = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
    const spy = function (this: unknown) {
      asked.push(name)
      return get?.call(this)
    }
    Object.defineProperty(prototype, name, { ...rest, get: spy })
    t.teardown(() => Object.defineProperty(prototype, name, { ...rest, get }))
  }
  const db = await withTable(t, dir, { lock: { longHoldMs: 1 } })
  const locker = openLocker(t, dir)
  await db.withWriteLock(() => db.createRecord('a', 1))
  await db.transaction(tx => tx.run('INSERT INTO t VALUES (1)'))
  await db.checkpoint('FULL')
  await locker.acquire()
  t.true((await rejection(db.run({ sql: 'DELETE FROM t', timeout: 1 }))) instanceof LockTimeout)
  await locker.unlock()
  await (await locker.tryAcquire())?.release()
  t.deepEqual(asked, [])
})

test.serial('the example makes spans of the messages', async t => {
  const example = fileURLToPath(new URL('../examples/otel.mjs', import.meta.url))
  const { code, stdout, stderr } = await run(t, process.execPath, [example])
  t.is(code, 0, stderr)
  for (const name of ['lock.wait', 'lock.hold', 'db.batch', 'db.checkpoint'])
    t.regex(stdout, new RegExp(`^${name} [\\d.]+ ms`, 'm'))
  t.true(stdout.includes("'db.query.text': 'INSERT INTO t VALUES (?)'"))
})
