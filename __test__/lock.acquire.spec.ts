/** Taking the lock and giving it back, seen from inside and from outside. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { DB, WriteLocker } from '../index.js'
import { Gate, rejection } from './helpers/block.ts'
import { run, has } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { lockFile, lockSize, lockText, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const HOLDER_TEXT = /^pid:(\d+)\ntime:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n$/

test('the holder text is there while the lock is held and gone when it is free', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  t.is(locker.lockPath, join(dir, 'db.lock'))
  t.false(locker.held)
  const guard = await locker.acquire()
  t.true(locker.held)
  t.true(guard.held)
  t.is(lockText(dir).match(HOLDER_TEXT)?.[1], String(process.pid))
  await guard.release()
  t.false(locker.held)
  t.false(guard.held)
  t.is(lockSize(dir), 0)
})

test('the label is a line of the holder text', async t => {
  const dir = tmpDir(t)
  await openLocker(t, dir, { label: 'nightly import ☾' }).acquire()
  t.true(lockText(dir).endsWith('Z\nlabel:nightly import ☾\n'))
})

test('the lock file is never deleted', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  await (await locker.acquire()).release()
  const { ino } = statSync(lockFile(dir))
  await (await locker.acquire()).release()
  await openDb(t, dir).createRecord('a', 1)
  t.is(statSync(lockFile(dir)).ino, ino)
})

test('loops that take a free lock again and again leave timers their turn (I5)', async t => {
  const locker = openLocker(t)
  const db = openDb(t, tmpDir(t))
  const ways = {
    acquire: async () => (await locker.acquire()).release(),
    tryAcquire: async () => (await locker.tryAcquire())?.release(),
    withLock: () => locker.withLock(async () => {}),
    withWriteLock: () => db.withWriteLock(async () => {})
  }
  for (const [way, cycle] of Object.entries(ways)) {
    const timer = new AbortController()
    setTimeout(() => timer.abort(), 1)
    const giveUp = performance.now() + 5000
    while (!timer.signal.aborted && performance.now() < giveUp) await cycle()
    t.true(timer.signal.aborted, way)
  }
})

test('acquire on a locker that holds is ERR_SQLOCK_HELD at once', async t => {
  const locker = openLocker(t)
  await locker.acquire()
  t.is((await rejection(locker.acquire(Infinity))).code, 'ERR_SQLOCK_HELD')
  t.true(locker.held)
})

test('withLock of a locker that holds waits for its turn: one locker may serve a whole program', async t => {
  const locker = openLocker(t)
  let inside = 0
  const order: number[] = []
  const visit = (n: number) =>
    locker.withLock(async () => {
      t.is(++inside, 1)
      await turn()
      order.push(n)
      inside--
    }, Infinity)
  const first = visit(1)
  await turn()
  await Promise.all([first, visit(2), visit(3)])
  t.deepEqual(order, [1, 2, 3])
})

posix('open')(
  'a guard ends no hold but its own, even when the directory was made anew meanwhile',
  async t => {
    const dir = join(tmpDir(t), 'data')
    mkdirSync(dir)
    const [locker, another] = [new WriteLocker(dir), new WriteLocker(dir)]
    const first = await locker.acquire()
    rmSync(dir, { recursive: true })
    mkdirSync(dir)
    t.is(await locker.tryAcquire(), null)
    const second = await another.acquire()
    await first.release()
    t.false(first.held)
    t.true(second.held)
    await second.release()
  }
)

test('unlock without a hold does nothing', async t => {
  const locker = openLocker(t)
  await locker.unlock()
  await locker.release()
  t.false(locker.held)
})

/** Two holders overlapped: a caller that was refused ended in its `finally` the hold of somebody else. */
const WAYS_TO_END: [string, (locker: WriteLocker) => Promise<void>][] = [
  ['unlock', locker => locker.unlock()],
  ['release', locker => locker.release()],
  [
    'await using',
    async locker => {
      await using _ = locker
    }
  ]
]
for (const [name, end] of WAYS_TO_END) {
  test(`${name} of a locker never ends the hold of its withLock`, async t => {
    const dir = tmpDir(t)
    const [locker, another] = [openLocker(t, dir), openLocker(t, dir)]
    await locker.withLock(async () => {
      const refused = async () => {
        try {
          await locker.acquire(0)
        } finally {
          await end(locker)
        }
      }
      t.regex((await rejection(refused())).message, /already holds/)
      t.true(locker.held)
      t.is(await another.tryAcquire(), null)
    })
    t.false(locker.held)
  })
}

test('a caller that shares a locker and is refused leaves the hold of withLock alone', async t => {
  const locker = openLocker(t)
  const gate = new Gate()
  const inside = locker.withLock(() => gate.opened)
  while (!locker.held) await turn()
  const refused = async () => {
    try {
      await locker.acquire(0)
    } finally {
      await locker.unlock()
    }
  }
  const error = await rejection(refused())
  t.is(error.code, 'ERR_SQLOCK_HELD')
  t.regex(error.message, /one locker for each caller.*release\(\) of its guard/)
  t.true(locker.held)
  gate.open()
  await inside
  t.false(locker.held)
})

test('unlock ends the last hold of acquire or tryAcquire, also after a withLock', async t => {
  const locker = openLocker(t)
  for (const take of [() => locker.acquire(), () => locker.tryAcquire()]) {
    await locker.withLock(() => {})
    const guard = await take()
    await locker.unlock()
    t.false(guard?.held)
    t.false(locker.held)
  }
})

test('unlock frees the lock before it returns', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  await locker.acquire()
  const unlocked = locker.unlock()
  t.is(lockSize(dir), 0)
  t.false(locker.held)
  await unlocked
})

test('release is another name for unlock', async t => {
  const locker = openLocker(t)
  await locker.acquire()
  await locker.release()
  t.false(locker.held)
})

test('a guard ends its own hold only, and only once', async t => {
  const locker = openLocker(t)
  const first = await locker.acquire()
  await first.release()
  const second = await locker.acquire()
  await first.release()
  t.true(second.held)
  t.true(locker.held)
})

test('await using gives the lock back', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  {
    await using guard = await locker.acquire()
    t.true(guard.held)
  }
  t.is(lockSize(dir), 0)
  {
    await using another = new WriteLocker(dir)
    await another.acquire()
  }
  t.is((await locker.status()).locked, false)
})

test('tryAcquire gives a guard, or null when somebody holds', async t => {
  const dir = tmpDir(t)
  const [first, second] = [openLocker(t, dir), openLocker(t, dir)]
  const guard = await first.tryAcquire()
  t.true(guard?.held)
  t.is(await second.tryAcquire(), null)
  t.is(await first.tryAcquire(), null)
  await guard?.release()
  t.true((await second.tryAcquire())?.held)
})

test('withLock passes on the value or the error of its function and frees the lock', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  t.is(await locker.withLock(() => (t.true(locker.held), 7)), 7)
  t.is(await locker.withLock(async () => 'later'), 'later')
  const reason = new Error('mine')
  const thrown = locker.withLock(() => {
    throw reason
  })
  t.is(await rejection(thrown), reason)
  t.is(await rejection(locker.withLock(() => Promise.reject(reason))), reason)
  t.false(locker.held)
  t.is(lockSize(dir), 0)
})

posix('mode')('a new lock file is its owner’s alone', async t => {
  const dir = tmpDir(t)
  await openLocker(t, dir).acquire()
  t.is(statSync(lockFile(dir)).mode & 0o777, 0o600)
})

posix('mode')('a new lock file has the bits asked for, whatever the umask', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir, { mode: 0o664 })
  const umask = process.umask(0o077)
  const acquired = locker.acquire()
  process.umask(umask)
  await acquired
  t.is(statSync(lockFile(dir)).mode & 0o777, 0o664)
})

test('the lock file of a DB has the bits of the database', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  t.is(statSync(lockFile(dir)).mode & 0o777, statSync(db.dbPath).mode & 0o777)
})

test('status tells who holds, and nobody of a text that was left behind', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir, { label: 'me' })
  t.deepEqual(await locker.status(), { locked: false, lockPath: lockFile(dir), holder: null })
  await locker.acquire()
  const { locked, holder } = await locker.status()
  t.true(locked)
  t.is(holder?.pid, process.pid)
  t.is(holder?.alive, true)
  t.is(holder?.label, 'me')
  t.true(holder?.command?.includes('node'))
  t.is(new Date(holder?.time as string).toISOString(), holder?.time as string)
  t.true((holder?.ageMs as number) >= 0)
  await locker.unlock()
  writeFileSync(lockFile(dir), 'pid:1\ntime:2020-01-01T00:00:00.000Z\n')
  t.deepEqual(await locker.status(), { locked: false, lockPath: lockFile(dir), holder: null })
})

if (has('flock')) {
  test('flock(1) is refused while we hold, and only then', async t => {
    const dir = tmpDir(t)
    const locker = openLocker(t, dir)
    await locker.acquire()
    t.is((await run(t, 'flock', ['-n', lockFile(dir), 'true'])).code, 1)
    await locker.unlock()
    t.is((await run(t, 'flock', ['-n', lockFile(dir), 'true'])).code, 0)
  })
}

if (has('python3')) {
  const TRY = 'import fcntl,sys\nf=open(sys.argv[1])\nfcntl.flock(f,fcntl.LOCK_EX|fcntl.LOCK_NB)'

  test('fcntl.flock of Python is refused while we hold, and reads our text', async t => {
    const dir = tmpDir(t)
    const locker = openLocker(t, dir)
    await locker.acquire()
    const refused = await run(t, 'python3', ['-c', TRY, lockFile(dir)])
    t.true(refused.stderr.includes('BlockingIOError'))
    t.regex(readFileSync(lockFile(dir), 'utf8'), HOLDER_TEXT)
    await locker.unlock()
    t.is((await run(t, 'python3', ['-c', TRY, lockFile(dir)])).code, 0)
  })
}

test('when the lock is given back, or a DB closed, the directory can be deleted at once', async t => {
  const parent = tmpDir(t)
  for (const use of [
    async (dir: string) => {
      const locker = new WriteLocker(dir)
      await locker.acquire()
      await locker.unlock()
      await locker.status()
    },
    async (dir: string) => {
      const db = new DB(join(dir, 'app.db'))
      await Promise.all(Array.from({ length: 20 }, (_, n) => db.createRecord('a', n)))
      await db.getAsync('SELECT * FROM records')
      await db.backup(join(dir, 'copy.db'))
      await db.close()
    }
  ]) {
    const dir = join(parent, 'used')
    mkdirSync(dir)
    await use(dir)
    rmSync(dir, { recursive: true })
    t.false(existsSync(dir))
  }
})
