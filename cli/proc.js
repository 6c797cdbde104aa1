/** What /proc tells of processes, proc(5). Nothing is opened: to open and close a file of SQLite could drop locks on it. */
'use strict'

const { readFileSync, readdirSync, readlinkSync, statSync } = require('node:fs')

/** What follows the name of the program, which may have anything in it: state, parent, group, session … */
function statFields(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** `'S'`, `'T'`, …; null when there is no such process, or no /proc. */
const stateOf = pid => attempt(() => statFields(pid)[0], null)

const commandOf = pid =>
  attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(), '')

/** The other processes; null without a /proc. */
const otherPids = () =>
  attempt(
    () =>
      readdirSync('/proc')
        .filter(name => /^\d+$/.test(name))
        .map(Number)
        .filter(pid => pid !== process.pid),
    null
  )

/** `[{ id, path }]` of the files that a process has open; null when we may not look. */
function openFiles(pid) {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).flatMap(name => openFile(`${folder}/${name}`))
  } catch (error) {
    return error.code === 'ENOENT' ? [] : null
  }
}

const openFile = link =>
  attempt(() => {
    const path = readlinkSync(link)
    return path.startsWith('/') ? [{ path, id: fileId(statSync(link, { bigint: true })) }] : []
  }, [])

/** The same for two names of one file, and for no other file. */
const fileId = ({ dev, ino }) => `${dev}:${ino}`

/** `[{ pid, inode, start, end }]` of the POSIX write locks of all processes. */
function posixWriteLocks() {
  const lines = attempt(() => readFileSync('/proc/locks', 'utf8').split('\n'), [])
  const line = /^\d+: POSIX +\S+ +WRITE +(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) (\d+|EOF)$/
  return lines.flatMap(text => {
    const match = line.exec(text)
    if (!match) return []
    const [, pid, inode, start, end] = match
    return [{ pid: Number(pid), inode, start: Number(start), end: end === 'EOF' ? Infinity : Number(end) }]
  })
}

/** A process may end while we look, and a system may have no /proc. */
function attempt(look, otherwise) {
  try {
    return look()
  } catch {
    return otherwise
  }
}

module.exports = { commandOf, fileId, openFiles, otherPids, posixWriteLocks, statFields, stateOf }
