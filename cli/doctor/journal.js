/** The journal mode, and what has piled up in the WAL. */
'use strict'

const { statSync } = require('node:fs')
const { quoted } = require('../output')
const { ok, warning } = require('./finding')

/** SQLite's own checkpoints keep it at some 2,000 pages, 8 MB, when no reader is in the way. */
const LARGE_WAL_BYTES = 64 * 1024 * 1024

const sizeOf = path => statSync(path, { throwIfNoEntry: false })?.size ?? null

function journalFindings({ real, header }) {
  const mode = header.wal ? 'WAL' : 'not WAL yet: the first write of sqlock makes it so'
  return [ok('journal', mode), ...walFindings(real), ...rollbackFindings(real)]
}

function walFindings(real) {
  const bytes = sizeOf(`${real}-wal`)
  if (bytes === null) return [ok('wal', 'no -wal: everything is in the file')]
  const message = `${real}-wal has ${bytes} bytes`
  if (bytes < LARGE_WAL_BYTES) return [ok('wal', message)]
  return [
    warning(
      'wal',
      `${message}: a reader has kept, or still keeps, a snapshot for long, and reads become slow`,
      `end what reads for long (see users), then: sqlock checkpoint --mode TRUNCATE ${quoted(real)}`
    )
  ]
}

function rollbackFindings(real) {
  if (!sizeOf(`${real}-journal`)) return []
  return [
    warning(
      'journal',
      `${real}-journal is there: a program writes without WAL at this moment, or has crashed`,
      'leave it where it is: the next program that opens the database rolls back with it'
    )
  ]
}

module.exports = { journalFindings }
