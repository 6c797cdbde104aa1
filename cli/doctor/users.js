/** Which other processes have the database open, and does one of them write without the lock? */
'use strict'

const { statSync } = require('node:fs')
const { commandOf, fileId, openFiles, otherPids, posixWriteLocks } = require('../proc')
const { error, ok, warning } = require('./finding')

/** The byte of the -shm whose lock makes a writer in WAL mode, and the one of the database that does in the others. */
const WAL_WRITE_BYTE = 120
const RESERVED_BYTE = 0x4000_0001

function userFindings(subject) {
  const pids = otherPids()
  if (pids === null) return [ok('users', 'who has the file open cannot be told without /proc')]
  const before = writersOf(subject)
  const seen = pids.map(pid => ({ pid, files: openFiles(pid) }))
  // One that has begun or ended in between may have had db.lock open when it counted.
  const after = writersOf(subject)
  const writers = new Set([...before].filter(pid => after.has(pid)))
  const users = seen.flatMap(({ pid, files }) => findingsOf(pid, files ?? [], subject, writers))
  const hidden = seen.filter(({ files }) => files === null).length
  return [
    ...(users.length > 0 ? users : [ok('users', 'nobody that we see has it open')]),
    ...hiddenFindings(hidden)
  ]
}

function hiddenFindings(count) {
  if (count === 0) return []
  return [ok('users', `${count} processes of other users were not looked at: run it as root for those`)]
}

/** The pids that are in a writing transaction at this moment. A lock file of a process we know is told by the inode. */
function writersOf({ real, stat }) {
  const shm = idOf(`${real}-shm`)
  const places = [
    { inode: shm?.inode, byte: WAL_WRITE_BYTE },
    { inode: String(stat.ino), byte: RESERVED_BYTE }
  ]
  const writes = lock =>
    places.some(({ inode, byte }) => lock.inode === inode && lock.start <= byte && lock.end >= byte)
  return new Set(
    posixWriteLocks()
      .filter(writes)
      .map(({ pid }) => pid)
  )
}

function idOf(path) {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat && { id: fileId(stat), inode: String(stat.ino) }
}

function findingsOf(pid, files, { real, lockPath, stat }, writers) {
  const who = `pid ${pid}, ${commandOf(pid)}`
  if (files.some(({ path }) => path === `${real} (deleted)`)) {
    const advice = `have it open the database anew, or end it: kill ${pid}`
    return [error('users', `${who}: works on a database that was deleted or replaced at this path`, advice)]
  }
  const lost = companionsLostBy(files, real)
  if (lost.length > 0) {
    const advice =
      `what it has written lately may be in the deleted file only; leave ${real}-wal and ${real}-shm to SQLite, ` +
      `and have it close the database and open it again, or end it: kill ${pid}`
    const what = lost.map(suffix => `${real}${suffix}`).join(' and ')
    return [error('users', `${who}: works with a deleted ${what}: others do not see what it writes`, advice)]
  }
  const has = id => files.some(file => file.id === id)
  const hasLock = has(idOf(lockPath)?.id)
  if (!has(fileId(stat))) return hasLock ? [ok('users', `${who}: has db.lock open`)] : []
  if (hasLock) return [ok('users', `${who}: has the database and db.lock open`)]
  if (writers.has(pid)) {
    const advice = 'have it take the lock: sqlock, flock(1), or sqlock exec'
    return [warning('users', `${who}: is writing without the lock`, advice)]
  }
  return [
    ok(
      'users',
      `${who}: has the database open, and not db.lock: it does not write now, or does not take the lock`
    )
  ]
}

/** SQLite removes its -wal and -shm when the last program closes the database. Whoever has deleted ones open has lost them. */
const companionsLostBy = (files, real) =>
  ['-wal', '-shm'].filter(suffix => files.some(({ path }) => path === `${real}${suffix} (deleted)`))

module.exports = { userFindings }
