/** Deadlines: the error, its text, and when it comes. */
import { writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import test from 'ava'
import { LockTimeout, SqlockError } from '../index.js'
import { mustBlock, rejection, timed } from './helpers/block.ts'
import { Actor, spawnHolder } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { lockFile, lockText, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('the message has exactly three lines', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir)
  const error = await rejection(openLocker(t, dir).acquire(20))
  const text = lockText(dir).trim()
  t.is(
    error.message,
    `write lock timeout after 20ms\n  holder: ${text}\n  try again or check if holder process is stuck`
  )
  t.true(error instanceof LockTimeout && error instanceof SqlockError)
  t.is(error.name, 'LockTimeout')
  t.is(error.code, 'ERR_SQLOCK_TIMEOUT')
  t.is(error.holder, text)
  t.is(error.timeoutMs, 20)
  t.is(error.holderInfo.pid, holder.pid)
  t.true(error.stack.includes('lock.timeout.spec.ts'), error.stack)
})

posix('text')('what is known of the holder is not printed with the error', async t => {
  const dir = tmpDir(t)
  await spawnHolder(t, dir, { label: 'import' })
  const error = await rejection(openLocker(t, dir).acquire(0))
  t.is(error.holderInfo.label, 'import')
  t.is(error.holderInfo.alive, true)
  t.true(error.holderInfo.command.includes('holder.mjs'))
  t.true(error.holderInfo.ageMs >= 0)
  t.false(Object.keys(error).includes('holderInfo'))
  t.false(inspect(error).includes('holder.mjs'))
})

test('a LockTimeout can be made by hand, for tests of those who use it', t => {
  const error = new LockTimeout('pid:1', 5)
  t.is(
    error.message,
    'write lock timeout after 5ms\n  holder: pid:1\n  try again or check if holder process is stuck'
  )
  t.is(error.holderInfo, null)
})

posix('text')('an empty lock file has an unknown holder', async t => {
  const dir = tmpDir(t)
  await openLocker(t, dir).acquire()
  writeFileSync(lockFile(dir), '')
  t.is((await rejection(openLocker(t, dir).acquire(0))).holder, 'unknown')
})

posix('text')('a text that names no process is shown as it is', async t => {
  const dir = tmpDir(t)
  await openLocker(t, dir).acquire()
  writeFileSync(lockFile(dir), '  the cleaning woman\u0007  \n')
  const error = await rejection(openLocker(t, dir).acquire(0))
  t.is(error.holder, 'the cleaning woman\uFFFD')
  t.is(error.holderInfo, null)
})

test('a timeout of 0 is one attempt', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  await (await locker.acquire(0)).release()
  await openLocker(t, dir).acquire()
  const ms = await timed(() => rejection(locker.acquire(0)))
  t.log(`refused after ${ms.toFixed(1)} ms`)
  t.is((await rejection(locker.acquire({ timeout: 0 }))).timeoutMs, 0)
})

test('the timeout told is the one that was asked for, to the last digit', async t => {
  const dir = tmpDir(t)
  await openLocker(t, dir).acquire()
  for (const ms of [0, 1 / 3, 7.3, 16.1, Number.MIN_VALUE]) {
    const error = await rejection(openLocker(t, dir).acquire(ms))
    t.is(error.timeoutMs, ms)
    t.true(error.message.startsWith(`write lock timeout after ${ms}ms\n`))
    t.is((await rejection(openLocker(t, dir).withLock(() => t.fail(), { timeout: ms }))).timeoutMs, ms)
  }
})

posix('proc')('a holder with a command line of a megabyte holds up nobody’s refusal', async t => {
  const dir = tmpDir(t)
  const options = { padding: 'x'.repeat(100_000) }
  const more = Array.from({ length: 9 }, () => options.padding)
  const holder = new Actor(t, 'holder.mjs', [dir, JSON.stringify({}), ...more])
  await holder.says()
  const lockers = Array.from({ length: 200 }, () => openLocker(t, dir))
  const times = await Promise.all(lockers.map(locker => timed(() => rejection(locker.acquire(100)))))
  t.log(`late by at most ${(Math.max(...times) - 100).toFixed(1)} ms`)
  const error = await rejection(openLocker(t, dir).acquire(0))
  t.is(error.holderInfo.command.length, 512)
})

test('a timeout of Infinity waits', async t => {
  const dir = tmpDir(t)
  const guard = await openLocker(t, dir).acquire()
  const unblocked = await mustBlock(t, openLocker(t, dir).acquire(Infinity))
  await guard.release()
  t.true((await unblocked()).held)
})

test('the default is 500 ms, and a DB may have its own', async t => {
  const dir = tmpDir(t)
  await openLocker(t, dir).acquire()
  const [ours, theirs] = await Promise.all([
    rejection(openLocker(t, dir).acquire()),
    rejection(openDb(t, dir, { timeout: 30 }).createRecord('a', 1))
  ])
  t.is(ours.timeoutMs, 500)
  t.is(theirs.timeoutMs, 30)
})

for (const waiters of [1, 200]) {
  test.serial(`${waiters} waiters are refused on time, by a holder of another process`, async t => {
    const dir = tmpDir(t)
    await spawnHolder(t, dir)
    const lockers = Array.from({ length: waiters }, () => openLocker(t, dir))
    const times = await Promise.all(lockers.map(locker => timed(() => rejection(locker.acquire(100)))))
    t.true(Math.min(...times) >= 99, 'nobody is refused early')
    // 50 ms is what is promised with a responsive event loop; a loaded machine may have none.
    t.log(`late by at most ${(Math.max(...times) - 100).toFixed(1)} ms`)
    t.true(Math.max(...times) < 600)
  })
}

test('200 writes of a DB are refused together, not one after the other', async t => {
  const dir = tmpDir(t)
  await spawnHolder(t, dir)
  const db = openDb(t, dir, { timeout: 100 })
  const writes = Array.from({ length: 200 }, (_, n) => timed(() => rejection(db.createRecord('a', n))))
  const times = await Promise.all(writes)
  t.true(Math.min(...times) >= 99)
  t.log(`late by at most ${(Math.max(...times) - 100).toFixed(1)} ms`)
  t.true(Math.max(...times) < 600)
  t.deepEqual(db.getAllRecords(), [])
})

test('a wait behind other calls of the DB keeps its own deadline', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir)
  const db = openDb(t, dir, { timeout: Infinity })
  const write = db.createRecord('a', 1)
  const error = await rejection(db.withWriteLock(() => t.fail(), 30))
  t.true(error instanceof LockTimeout)
  t.is(error.timeoutMs, 30)
  holder.tell('release')
  t.is(await write, 1)
})

test('the holder that a write times out on may be this very process', async t => {
  const dir = tmpDir(t)
  await openLocker(t, dir).acquire()
  const error = await rejection(openDb(t, dir, { timeout: 10 }).createRecord('a', 1))
  t.is(error.holderInfo.pid, process.pid)
})
