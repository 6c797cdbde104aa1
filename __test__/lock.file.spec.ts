/** A db.lock that is no regular file, and a system that refuses. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { SqlockError, WriteLocker } from '../index.js'
import { rejection } from './helpers/block.ts'
import { has, runScript } from './helpers/child.ts'
import { posix } from './helpers/posix.ts'
import { lockFile, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

const isRoot = process.getuid?.() === 0

async function refused(t: any, dir: string) {
  for (const attempt of [() => openLocker(t, dir).acquire(), () => openDb(t, dir).createRecord('a', 1)]) {
    const error = await rejection(attempt())
    t.true(error instanceof SqlockError)
    t.is(error.code, 'ERR_SQLOCK_LOCK_FILE')
    t.is(error.path, lockFile(dir))
  }
  t.is(
    await openLocker(t, dir)
      .status()
      .then(status => status.locked),
    false
  )
}

posix('symlink')('a symbolic link at db.lock is refused and its target unchanged', async t => {
  const dir = tmpDir(t)
  const target = join(dir, 'target')
  writeFileSync(target, 'precious')
  symlinkSync(target, lockFile(dir))
  await refused(t, dir)
  t.is(readFileSync(target, 'utf8'), 'precious')
  t.is(readlinkSync(lockFile(dir)), target)
})

posix('symlink')('a dangling symbolic link at db.lock makes no file elsewhere', async t => {
  const dir = tmpDir(t)
  symlinkSync(join(dir, 'elsewhere'), lockFile(dir))
  await refused(t, dir)
  t.throws(() => readFileSync(join(dir, 'elsewhere')), { code: 'ENOENT' })
})

test('a directory at db.lock is refused', async t => {
  const dir = tmpDir(t)
  mkdirSync(lockFile(dir))
  await refused(t, dir)
})

posix('special')('a FIFO at db.lock is refused without waiting for its other end', async t => {
  const dir = tmpDir(t)
  execFileSync('mkfifo', [lockFile(dir)])
  await refused(t, dir)
})

posix('special')('a socket at db.lock is refused', async t => {
  const dir = tmpDir(t)
  const server = createServer().listen(lockFile(dir))
  t.teardown(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  await refused(t, dir)
})

if (isRoot && has('mknod')) {
  test('a device at db.lock is refused', async t => {
    const dir = tmpDir(t)
    execFileSync('mknod', [lockFile(dir), 'c', '1', '3'])
    await refused(t, dir)
  })
}

posix('mode')('a directory that cannot be written to is ERR_SQLOCK_IO with what the system says', async t => {
  const dir = tmpDir(t)
  chmodSync(dir, 0o555)
  // Root is refused nothing by permission bits, so it becomes somebody else.
  const { stdout, stderr } = await runScript(
    t,
    dir,
    `const locker = new WriteLocker(dir);
     if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) }
     locker.acquire().catch(e => console.log(JSON.stringify({ ...e, name: e.name, cause: e.cause.code, message: e.message })))`
  )
  t.deepEqual(JSON.parse(stdout || stderr), {
    code: 'ERR_SQLOCK_IO',
    name: 'SqlockError',
    syscall: 'open',
    errno: 'EACCES',
    path: lockFile(dir),
    cause: 'EACCES',
    message: `EACCES: permission denied, open '${lockFile(dir)}'`
  })
})

test('a directory that is missing, or none, is an error of the constructor', t => {
  const dir = tmpDir(t)
  writeFileSync(join(dir, 'file'), '')
  const missing = t.throws(() => new WriteLocker(join(dir, 'missing')), {
    code: 'ERR_SQLOCK_IO'
  }) as SqlockError
  t.is(missing.errno, 'ENOENT')
  t.is(missing.path, join(dir, 'missing'))
  const file = t.throws(() => new WriteLocker(join(dir, 'file')), { code: 'ERR_SQLOCK_IO' }) as SqlockError
  t.is(file.errno, 'ENOTDIR')
})

test('a directory that goes away is an error of the call, and no timeout', async t => {
  const dir = join(tmpDir(t), 'data')
  mkdirSync(dir)
  const locker = new WriteLocker(dir)
  const { rmdirSync } = await import('node:fs')
  rmdirSync(dir)
  const error = await rejection(locker.acquire())
  t.is(error.code, 'ERR_SQLOCK_IO')
  t.is(error.errno, 'ENOENT')
})

posix('descriptors')(
  'exhausted descriptors are an error, and the lock is taken once there are some again',
  async t => {
    const dir = tmpDir(t)
    const { stdout, stderr } = await runScript(
      t,
      dir,
      `const fs = require('fs'), open = [];
     const locker = new WriteLocker(dir);
     try { for (;;) open.push(fs.openSync('/dev/null')) } catch {}
     locker.acquire().catch(async e => {
       for (const fd of open) fs.closeSync(fd);
       await locker.acquire();
       console.log(e.code, e.errno, locker.held);
     })`
    )
    t.is(stdout.trim(), 'ERR_SQLOCK_IO EMFILE true', stderr)
  }
)
