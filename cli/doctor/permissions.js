/**
 * Who may write the database, and is shut out by a file beside it? Judged by the permission bits; access control lists are not
 * looked at.
 */
'use strict'

const { accessSync, constants, statSync } = require('node:fs')
const { dirname } = require('node:path')
const { quoted } = require('../output')
const { error, ok, warning } = require('./finding')

const READ_WRITE = 6
/** To make a file in a directory. */
const WRITE_SEARCH = 3
const NOBODY = -1
/** Windows has only access control lists. */
const HAS_BITS = process.getuid !== undefined

function permissionFindings(subject) {
  const beside = companions(subject)
  const others = HAS_BITS ? beside.flatMap(file => shutOut(subject.stat, file)) : []
  const findings = others.concat(beside.flatMap(weAreShutOut))
  return findings.length > 0
    ? findings
    : [ok('permissions', 'who may write the database may write beside it')]
}

function companions({ real, dir, lockPath }) {
  const files = [real, lockPath, `${real}-wal`, `${real}-shm`].map(path => ({ path, needs: READ_WRITE }))
  const folders = [...new Set([dir, dirname(real)])].map(path => ({ path, needs: WRITE_SEARCH }))
  return [...files, ...folders].flatMap(companion => {
    const stat = statSync(companion.path, { throwIfNoEntry: false })
    return stat ? [{ ...companion, stat }] : []
  })
}

/** Owner, group and others, each as a stranger to the classes before it. */
function classesOf(stat) {
  const [uid, gid, mode] = [Number(stat.uid), Number(stat.gid), Number(stat.mode)]
  return [
    { who: `its owner (uid ${uid})`, uid, gid, bits: mode >> 6, finding: error },
    { who: `its group (gid ${gid})`, uid: NOBODY, gid, bits: mode >> 3, finding: warning },
    { who: 'all others', uid: NOBODY, gid: NOBODY, bits: mode, finding: warning }
  ].filter(({ bits }) => (bits & READ_WRITE) === READ_WRITE)
}

function bitsFor({ uid, gid }, stat) {
  if (uid === 0) return 7
  if (uid === stat.uid) return (stat.mode >> 6) & 7
  return (gid === stat.gid ? stat.mode >> 3 : stat.mode) & 7
}

function shutOut(database, { path, needs, stat }) {
  const classes = classesOf(database).filter(someone => (bitsFor(someone, stat) & needs) !== needs)
  if (classes.length === 0) return []
  const who = classes.map(({ who }) => who).join(', ')
  const mode = `${octal(stat.mode)}, uid ${stat.uid}, gid ${stat.gid}`
  // The owner comes first, and is the one without whom nothing works.
  const [{ finding }] = classes
  const message = `the database may be written by ${who}, but not ${path} (${mode})`
  return [finding('permissions', message, advice(database, path, stat))]
}

function advice({ uid, gid, mode }, path, stat) {
  if (stat.isDirectory()) return `the -wal, the -shm and db.lock are made in it: let them write to ${path}`
  return `chown ${uid}:${gid} ${quoted(path)} && chmod ${octal(Number(mode))} ${quoted(path)}`
}

const octal = mode => (mode & 0o777).toString(8).padStart(4, '0')

function weAreShutOut({ path }) {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return []
  } catch (failure) {
    return [
      warning(
        'permissions',
        `we${HAS_BITS ? ` (uid ${process.getuid()})` : ''} may not write ${path}: ${failure.code}`
      )
    ]
  }
}

module.exports = { permissionFindings }
