/** What is examined: a database file, and the files that belong to it. */
'use strict'

const { lstatSync, realpathSync, statSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { InputError, readHeader } = require('../header')
const { quoted } = require('../output')
const { error, ok, warning } = require('./finding')

/** `{ subject, findings }`; subject is null when there is nothing to examine. */
function subjectOf(given) {
  const file = resolve(given)
  try {
    const header = readHeader(file)
    const real = realpathSync(file)
    const subject = {
      file,
      real,
      header,
      dir: dirname(file),
      lockPath: join(dirname(file), 'db.lock'),
      stat: statSync(real, { bigint: true })
    }
    return {
      subject,
      findings: [...describe(subject), ...linkFindings(subject), ...hardLinkFindings(subject)]
    }
  } catch (failure) {
    if (!(failure instanceof InputError) && !failure.syscall) throw failure
    return { subject: null, findings: [error('file', failure.message, whatToDo(failure))] }
  }
}

function whatToDo({ code }) {
  if (code === 'EACCES') return 'run it as a user who may read the file, such as its owner or root'
  return undefined
}

function describe({ real, stat, header }) {
  if (header.empty) return [ok('file', `${real} is empty: the first write makes it a database`)]
  const writer = header.lastWriter ? `, first page last written by SQLite ${header.lastWriter}` : ''
  return [ok('file', `${real}, ${stat.size} bytes${writer}`)]
}

/** SQLite follows the link; the lock is that of the directory that was named. */
function linkFindings({ file, real, lockPath }) {
  const isLink = lstatSync(file).isSymbolicLink()
  if (!isLink) return []
  const other = join(dirname(real), 'db.lock')
  if (other === lockPath) return []
  return [
    warning(
      'link',
      `${file} is a symbolic link: who names the database so locks ${lockPath}, who names ${real} locks ${other}, and the two do not exclude each other`,
      `let every program name the same path: ${real}`
    )
  ]
}

/** SQLite keeps a -wal for each name. */
function hardLinkFindings({ real, stat }) {
  if (stat.nlink < 2n) return []
  return [
    error(
      'link',
      `${real} has ${stat.nlink} names (hard links): programs that open it by different names lose committed rows`,
      `keep one name, and delete the others or make copies of them; to list them: find DIR -samefile ${quoted(real)}`
    )
  ]
}

module.exports = { subjectOf }
