/** Scopes: which calls run under a hold, and which wait for it. DESIGN: re-entrancy by async context. */
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { mkdirSync, rmSync } from 'node:fs'
import test from 'ava'
import { DB, LockTimeout } from '../index.js'
import { Gate, mustBlock, rejection } from './helpers/block.ts'
import { runScript } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { lockSize, lockText, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

test('writes in withWriteLock run under its hold', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  t.false(db.inWriteLock)
  const ids = await db.withWriteLock(async () => {
    t.true(db.inWriteLock)
    const text = lockText(dir)
    const ids = [await db.createRecord('a', 1), await db.createRecord('b', 2)]
    await db.updateRecord(ids[0] as number, 3)
    t.is(lockText(dir), text, 'one hold throughout')
    return ids
  })
  t.deepEqual(ids, [1, 2])
  t.false(db.inWriteLock)
  t.is(lockSize(dir), 0)
})

test('withWriteLock passes on a value or an error, of a sync or an async function', async t => {
  const db = openDb(t)
  t.is(await db.withWriteLock(() => 5), 5)
  t.is(await db.withWriteLock(async () => 6), 6)
  const reason = { not: 'an Error' }
  t.is(await rejection(db.withWriteLock(() => Promise.reject(reason))), reason)
  const thrown = db.withWriteLock(() => {
    throw reason
  })
  t.is(await rejection(thrown), reason)
  t.false((await db.lockStatus()).locked)
})

test('each write in withWriteLock commits by itself', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await rejection(
    db.withWriteLock(async () => {
      await db.createRecord('stays', 1)
      throw new Error('later')
    })
  )
  t.is(db.getAllRecords().length, 1)
})

test('a write of a DB in withLock of a locker of its directory runs under the hold', async t => {
  const dir = tmpDir(t)
  const [db, locker] = [openDb(t, dir), openLocker(t, dir)]
  t.is(await locker.withLock(() => db.createRecord('a', 1)), 1)
  t.true(await locker.withLock(() => db.inWriteLock))
})

test('a failure under a hold that nobody asks for ends the process, as anywhere', async t => {
  const { code, stderr } = await runScript(
    t,
    tmpDir(t),
    `const db = new DB(dir + '/app.db'); db.withWriteLock(() => void db.run('no SQL'))`
  )
  t.is(code, 1)
  t.true(stderr.includes('SQLITE_ERROR'), stderr)
})

test('a write of another DB of the directory runs under the hold', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const other = new DB(join(dir, 'other.db'))
  const same = new DB(join(dir, 'app.db'))
  t.teardown(() => Promise.all([other.close(), same.close()]))
  await db.withWriteLock(async () => {
    t.is(await other.createRecord('a', 1), 1)
    t.is(await same.createRecord('b', 1), 1)
    t.is(await other.withWriteLock(() => other.createRecord('c', 1)), 2)
  })
  t.is(db.getAllRecords().length, 1)
})

test('a write to another directory takes the lock of that one', async t => {
  const dir = tmpDir(t)
  mkdirSync(join(dir, 'sub'))
  const [db, other] = [openDb(t, dir), openDb(t, join(dir, 'sub'))]
  const blocker = openLocker(t, join(dir, 'sub'))
  await blocker.acquire()
  await db.withWriteLock(async () => {
    t.false(other.inWriteLock)
    t.is(await other.createRecord('a', 1).catch(error => error.code), 'ERR_SQLOCK_TIMEOUT')
    await blocker.unlock()
    await other.withWriteLock(async () => {
      t.true(db.inWriteLock)
      t.is(await db.createRecord('b', 1), 1)
    })
  })
})

test('a locker that acquires in its own scope is ERR_SQLOCK_DEADLOCK at once', async t => {
  const dir = tmpDir(t)
  const [db, locker, another] = [openDb(t, dir), openLocker(t, dir), openLocker(t, dir)]
  await db.withWriteLock(async () => {
    t.is((await rejection(locker.acquire(Infinity))).code, 'ERR_SQLOCK_DEADLOCK')
    t.is((await rejection(locker.withLock(() => t.fail(), Infinity))).code, 'ERR_SQLOCK_DEADLOCK')
    t.is(await locker.tryAcquire(), null)
  })
  await locker.withLock(async () => {
    t.is((await rejection(another.acquire(Infinity))).code, 'ERR_SQLOCK_DEADLOCK')
  })
})

test('withWriteLock in withWriteLock runs under the same hold, which outlives the inner one', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.withWriteLock(async () => {
    const text = lockText(dir)
    await db.withWriteLock(() => t.is(lockText(dir), text))
    t.is(lockText(dir), text)
    t.true(db.inWriteLock)
  })
  t.is(lockSize(dir), 0)
})

test('calls that fn issued and did not await belong to it: the release waits for them', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const done: string[] = []
  await db.withWriteLock(() => {
    void db.createRecord('a', 1).then(() => done.push('write'))
    void db.withWriteLock(() => delay(5)).then(() => done.push('nested'))
    done.push('fn')
  })
  t.deepEqual(done.toSorted(), ['fn', 'nested', 'write'])
  t.is(lockSize(dir), 0)
})

test('what outlives fn does not write under the hold that is gone', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir, { timeout: 20 })
  const gate = new Gate()
  let late: Promise<unknown> | undefined
  await db.withWriteLock(() => {
    late = gate.opened.then(() => {
      t.false(db.inWriteLock)
      return rejection(db.createRecord('late', 1))
    })
  })
  await openLocker(t, dir).acquire()
  gate.open()
  // Somebody else holds the lock by now: the late write queues like anybody, and times out.
  t.true((await late) instanceof LockTimeout)
  t.deepEqual(db.getAllRecords(), [])
})

test('a write issued while the last calls of a scope finish queues like any other', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const order: string[] = []
  let second: Promise<unknown> = Promise.resolve()
  await db.withWriteLock(() => {
    second = db.createRecord('first', 1).then(() => {
      order.push(db.inWriteLock ? 'still inside' : 'outside')
      return db.createRecord('second', 2)
    })
  })
  await second
  t.deepEqual(order, ['outside'])
  t.is(db.getAllRecords().length, 2)
})

test('a write from outside waits while withWriteLock runs', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  const gate = new Gate()
  const running = db.withWriteLock(() => gate.opened)
  const unblocked = await mustBlock(t, db.createRecord('a', 1))
  gate.open()
  await running
  t.is(await unblocked(), 1)
})

test('a bare acquire sets no scope: writes of this process wait for it too', async t => {
  const dir = tmpDir(t)
  const [db, locker] = [openDb(t, dir, { timeout: 10 }), openLocker(t, dir)]
  await locker.acquire()
  t.false(db.inWriteLock)
  const error = await rejection(db.createRecord('a', 1))
  t.is(error.holderInfo.pid, process.pid)
})

test('unlock() in withLock does not end the scope', async t => {
  const dir = tmpDir(t)
  const [db, locker] = [openDb(t, dir), openLocker(t, dir)]
  await locker.withLock(async () => {
    const write = db.createRecord('in flight', 1)
    await locker.unlock()
    t.true(db.inWriteLock)
    t.is(await write, 1)
    t.is(await db.createRecord('under the hold', 1), 2)
  })
  t.is(lockSize(dir), 0)
})

/** Only an abort ends a hold before the calls under it: that of a transaction, under whose hold another DB writes. */
test('writes of another DB that an abort overtakes take the lock themselves', async t => {
  const dir = tmpDir(t)
  const [db, other] = [openDb(t, dir), new DB(join(dir, 'other.db'), { timeout: 5000 })]
  t.teardown(() => other.close())
  await Promise.all([db.createRecord('a', 0), other.createRecord('a', 0)])
  const abort = new AbortController()
  let writes: Promise<number>[] = []
  const transaction = db.transaction(
    async () => {
      writes = [1, 2, 3, 4].map(n => other.createRecord('late', n))
      abort.abort('enough')
      await new Promise(() => {})
    },
    { signal: abort.signal }
  )
  t.is(await rejection(transaction), 'enough')
  t.deepEqual(await Promise.all(writes), [2, 3, 4, 5])
  t.is(lockSize(dir), 0)
})

posix('open')('inWriteLock is false when the directory is gone', async t => {
  const dir = join(tmpDir(t), 'data')
  mkdirSync(dir)
  const db = new DB(join(dir, 'app.db'))
  await db.withWriteLock(() => {
    rmSync(dir, { recursive: true })
    t.false(db.inWriteLock)
  })
  await db.close()
})

test('close() in a callback of the DB is ERR_SQLOCK_DEADLOCK, and closes nothing', async t => {
  const db = openDb(t)
  await db.withWriteLock(async () => {
    t.is((await rejection(db.close())).code, 'ERR_SQLOCK_DEADLOCK')
    t.true(db.open)
    await db.createRecord('a', 1)
  })
})

test('a long hold is warned about with the place that took it', async t => {
  const dir = tmpDir(t)
  const warned = new Promise<any>(resolve => process.on('warning', resolve))
  t.teardown(() => process.removeAllListeners('warning'))
  await openDb(t, dir, { lock: { longHoldMs: 5 } }).withWriteLock(async () => {
    const warning = await warned
    t.is(warning.code, 'SQLOCK_LONG_HOLD')
    t.true(warning.detail.includes('lock.reentry.spec.ts'), warning.detail)
  })
})
