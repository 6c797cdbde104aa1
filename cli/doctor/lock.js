/** The lock: who has it, for how long, and can it go on? */
'use strict'

const { lstatSync } = require('node:fs')
const { WriteLocker } = require('../../index')
const { describeHolder } = require('../holder')
const { quoted } = require('../output')
const { stateOf } = require('../proc')
const { error, ok, warning } = require('./finding')

const LONG_MS = 10_000

async function lockFindings({ dir, lockPath }) {
  const stat = lstatSync(lockPath, { throwIfNoEntry: false })
  if (stat && !stat.isFile()) {
    const advice = `see what it is, then remove it: ls -ld ${quoted(lockPath)}`
    return [
      error('lock', `${lockPath} is no regular file, and every write fails`, advice),
      ...otherLocks(lockPath)
    ]
  }
  const { locked, holder } = await new WriteLocker(dir).status()
  return [locked ? judge(holder) : ok('lock', `${lockPath} is free`), ...otherLocks(lockPath)]
}

function judge(holder) {
  const message = `held by ${describeHolder(holder)}`
  if (holder === null) return warning('lock', message, 'who has it open is told under users')
  const { pid, ageMs } = holder
  if (['T', 't'].includes(stateOf(pid))) {
    const advice = `let it go on, kill -CONT ${pid}, or end it, kill -KILL ${pid}: the lock is free at once`
    return error('lock', `${message}, which is stopped: nobody can write`, advice)
  }
  if (ageMs !== null && ageMs >= LONG_MS) {
    const advice = `see what it does; when it is stuck, kill ${pid}: the lock is free at once`
    return warning('lock', `${message}: everybody else waits`, advice)
  }
  return ok('lock', message)
}

/** proper-lockfile locks by a directory of this name, and cannot see a flock. */
function otherLocks(lockPath) {
  const other = `${lockPath}.lock`
  if (!lstatSync(other, { throwIfNoEntry: false })) return []
  return [
    warning(
      'lock',
      `${other} is there: a program locks with proper-lockfile, or has, and does not see our lock`,
      'replace that program; the two ways do not exclude each other'
    )
  ]
}

module.exports = { lockFindings }
