/**
 * The locks, each behind the same face: `lock(timeoutMs)` and `unlock()` on `<directory>/db.lock`.
 *
 * Libraries are imported when a contestant is opened: a process loads no more than it runs.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { holderText, poll } from './pattern.mjs'
import { loadFsExt } from './fs-ext.mjs'

const lockers = {
  sqlock,
  'proper-lockfile pattern': properLockfile,
  'fs-ext polling': fsExtPolling,
  'fs-ext reopening': fsExtReopening,
  'fs-ext blocking': fsExtBlocking
}

export function openLocker(name, directory) {
  return lockers[name](directory)
}

async function sqlock(directory) {
  const { WriteLocker } = await import('../../index.mjs')
  const locker = new WriteLocker(directory)
  return { lock: timeoutMs => locker.acquire(timeoutMs), unlock: () => locker.unlock() }
}

async function properLockfile(directory) {
  const { default: lockfile } = await import('proper-lockfile')
  const path = join(directory, 'db.lock')
  await (await open(path, 'a')).close()
  // No retries of its own: the loop around it has a deadline, which proper-lockfile has not.
  const attempt = async () => {
    try {
      return await lockfile.lock(path)
    } catch (err) {
      if (err.code === 'ELOCKED') return null
      throw err
    }
  }
  let release
  return {
    async lock(timeoutMs) {
      release = await poll(attempt, timeoutMs)
      await writeFile(path, holderText())
    },
    async unlock() {
      await writeFile(path, '')
      await release()
    }
  }
}

/** The same loop on flock(2). */
function fsExtPolling(directory) {
  const fsExt = loadFsExt()
  const fd = openSync(join(directory, 'db.lock'), 'a+')
  let release
  return {
    async lock(timeoutMs) {
      release = await poll(() => tryFlock(fsExt, fd), timeoutMs)
      writeSync(fd, holderText())
    },
    unlock() {
      ftruncateSync(fd, 0)
      release()
    }
  }
}

/** The same again as programs in other languages have it, where each attempt opens the file. */
function fsExtReopening(directory) {
  const fsExt = loadFsExt()
  let fd
  const attempt = () => {
    fd = openSync(join(directory, 'db.lock'), 'a+')
    const release = tryFlock(fsExt, fd)
    if (!release) closeSync(fd)
    return release
  }
  let release
  return {
    async lock(timeoutMs) {
      release = await poll(attempt, timeoutMs)
      writeSync(fd, holderText())
    },
    unlock() {
      ftruncateSync(fd, 0)
      release()
      closeSync(fd)
    }
  }
}

function tryFlock(fsExt, fd) {
  try {
    fsExt.flockSync(fd, 'exnb')
    return () => fsExt.flockSync(fd, 'un')
  } catch (err) {
    if (err.code === 'EAGAIN' || err.code === 'EWOULDBLOCK') return null
    throw err
  }
}

/** Waits in flock(2) on a libuv worker, without a deadline. One descriptor for each waiter: they are different holders. */
function fsExtBlocking(directory) {
  const fsExt = loadFsExt()
  const flock = promisify(fsExt.flock)
  const fd = openSync(join(directory, 'db.lock'), 'a+')
  return {
    lock: () => flock(fd, 'ex'),
    unlock: () => fsExt.flockSync(fd, 'un')
  }
}
