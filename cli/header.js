/**
 * The first 100 bytes of a database, https://www.sqlite.org/fileformat2.html#the_database_header.
 *
 * Reading them opens and closes the file, which drops the POSIX locks that this process has on it: only before a DB of this
 * process is opened, never after.
 */
'use strict'

const { closeSync, openSync, readSync, statSync } = require('node:fs')

const MAGIC = 'SQLite format 3\0'
const LENGTH = 100
const READ_VERSION_AT = 19
const WAL_VERSION = 2
const LAST_WRITER_AT = 96

/** The operand of a command is not what it should be. */
class InputError extends Error {}

/** `{ empty, wal, lastWriter }`; an InputError when the file is missing or no database. */
function readHeader(path) {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new InputError(`there is no file ${path}`)
  // To open a FIFO would wait for its other end.
  if (!stat.isFile()) {
    throw new InputError(`${path} is no database but a ${stat.isDirectory() ? 'directory' : 'special file'}`)
  }
  const bytes = firstBytes(path)
  if (bytes.length === 0) return { empty: true, wal: false, lastWriter: null }
  if (bytes.length < LENGTH || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw new InputError(`${path} is no SQLite database, or an encrypted one`)
  }
  return {
    empty: false,
    wal: bytes[READ_VERSION_AT] === WAL_VERSION,
    lastWriter: versionName(bytes.readUInt32BE(LAST_WRITER_AT))
  }
}

function firstBytes(path) {
  const descriptor = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(LENGTH)
    return bytes.subarray(0, readSync(descriptor, bytes, 0, LENGTH, 0))
  } finally {
    closeSync(descriptor)
  }
}

/** 3054001 is '3.54.1'; null for what no SQLite has written. */
function versionName(number) {
  if (number < 3_000_000) return null
  return `${Math.floor(number / 1e6)}.${Math.floor(number / 1000) % 1000}.${number % 1000}`
}

module.exports = { InputError, readHeader }
