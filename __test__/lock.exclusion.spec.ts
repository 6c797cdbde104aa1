/** Who excludes whom: lockers of one directory, whatever it is called, and the file that is there. */
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { LockTimeout, WriteLocker } from '../index.js'
import { mustBlock, rejection } from './helpers/block.ts'
import { has, run, runScript, spawnHolder } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { lockFile, lockText, openLocker, tmpDir } from './helpers/tmp.ts'

posix('symlink')('every spelling of a directory is the same lock', async t => {
  const dir = tmpDir(t)
  const real = join(dir, 'real')
  mkdirSync(real)
  symlinkSync(real, join(dir, 'link'))
  const spellings = [
    real,
    join(dir, 'link'),
    relative(process.cwd(), real),
    `${dir}/./real/../real/`,
    pathToFileURL(real)
  ]
  for (const one of spellings) {
    for (const other of spellings) {
      const [first, second] = [new WriteLocker(one), new WriteLocker(other)]
      const guard = await first.acquire()
      t.is(await second.tryAcquire(), null, `${one} and ${other}`)
      await guard.release()
      await (await second.acquire()).release()
    }
  }
})

test('two lockers of one process exclude each other', async t => {
  const dir = tmpDir(t)
  const [first, second] = [openLocker(t, dir), openLocker(t, dir)]
  const guard = await first.acquire()
  const unblocked = await mustBlock(t, second.acquire(Infinity))
  t.is(await guard.release(), undefined)
  t.true((await unblocked()).held)
})

test('lockers of two directories do not', async t => {
  const [first, second] = [openLocker(t), openLocker(t)]
  await first.acquire()
  t.true((await second.acquire(0)).held)
})

test('a directory that was made anew under the same name is another lock, and at once', async t => {
  const dir = join(tmpDir(t), 'data')
  mkdirSync(dir)
  const locker = new WriteLocker(dir)
  await (await locker.acquire()).release()
  rmSync(dir, { recursive: true })
  mkdirSync(dir)
  const guard = await locker.acquire()
  t.is((await rejection(new WriteLocker(dir).acquire(0))).code, 'ERR_SQLOCK_TIMEOUT')
  t.true(statSync(lockFile(dir)).size > 0)
  await guard.release()
})

test('the directory is made absolute at construction', async t => {
  const dir = tmpDir(t)
  mkdirSync(join(dir, 'a'))
  const { stdout, stderr } = await runScript(
    t,
    dir,
    `process.chdir(dir); const locker = new WriteLocker('a'); process.chdir('/');
     locker.acquire().then(guard => { console.log(locker.lockPath); return guard.release() })`
  )
  t.is(stdout.trim(), join(dir, 'a', 'db.lock'), stderr)
})

posix('open')(
  'a lock file that was deleted during a hold: the next one of another process is on the file that is there',
  async t => {
    const dir = tmpDir(t)
    await spawnHolder(t, dir)
    rmSync(lockFile(dir))
    const locker = openLocker(t, dir)
    await locker.acquire()
    t.regex(lockText(dir), new RegExp(`^pid:${process.pid}\n`))
  }
)

posix('open')(
  'a lock file that was replaced while somebody waits: a caller who comes later gets the one that is there',
  async t => {
    const dir = tmpDir(t)
    await spawnHolder(t, dir)
    const [early, late] = [openLocker(t, dir), openLocker(t, dir)]
    const unblocked = await mustBlock(t, early.acquire(Infinity))
    writeFileSync(join(dir, 'new'), '')
    renameSync(join(dir, 'new'), lockFile(dir))
    const granted = late.acquire(Infinity)
    // The queue is one of calls: the early one is first on the new file too.
    await (await unblocked()).release()
    t.true((await granted).held)
    t.regex(lockText(dir), new RegExp(`^pid:${process.pid}\n`))
  }
)

posix('open')(
  'a lock file that was deleted while somebody waits: a caller who comes later makes it again',
  async t => {
    const dir = tmpDir(t)
    await spawnHolder(t, dir)
    const early = await mustBlock(t, openLocker(t, dir).acquire(Infinity))
    rmSync(lockFile(dir))
    const late = openLocker(t, dir).acquire(Infinity)
    await (await early()).release()
    t.true((await late).held)
  }
)

posix('open')('a lock file that was deleted between holds is made again', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  await (await locker.acquire()).release()
  rmSync(lockFile(dir))
  await locker.acquire()
  t.regex(lockText(dir), new RegExp(`^pid:${process.pid}\n`))
})

posix('text')('garbage in the lock file does no harm and stays out of the messages', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  for (const garbage of [Buffer.alloc(10 << 20, 'x'), Buffer.from('\x1b[2J\x07\0\xff\xfe', 'latin1')]) {
    writeFileSync(lockFile(dir), garbage)
    const guard = await locker.acquire()
    t.regex(lockText(dir), /^pid:\d+\ntime:.*Z\n$/)
    writeFileSync(lockFile(dir), garbage)
    const error = await rejection(openLocker(t, dir).acquire(0))
    t.true(error instanceof LockTimeout)
    t.true(error.message.length < 4400)
    // eslint-disable-next-line no-control-regex
    t.notRegex(error.holder, /[\0-\x09\x0b-\x1f\x7f-\x9f]/)
    t.is(error.holderInfo, null)
    await guard.release()
  }
})

if (has('flock')) {
  test('we are refused while flock(1) holds, and report its text', async t => {
    const dir = tmpDir(t)
    writeFileSync(lockFile(dir), 'somebody else\n')
    const locker = openLocker(t, dir)
    await run(t, 'mkfifo', [join(dir, 'fifo')])
    const holder = run(t, 'flock', [lockFile(dir), 'sh', '-c', 'read line < fifo'], { cwd: dir })
    while (!(await locker.status()).locked) await run(t, 'true', [])
    const error = await rejection(locker.acquire(20))
    t.is(error.holder, 'somebody else')
    t.is(error.holderInfo, null)
    const unblocked = await mustBlock(t, locker.acquire(Infinity))
    writeFileSync(join(dir, 'fifo'), 'go\n')
    t.true((await unblocked()).held)
    await holder
  })
}
