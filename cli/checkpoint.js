/** `sqlock checkpoint`: moves what the WAL holds into the database file. */
'use strict'

const { DB } = require('../index')
const { UsageError, readArguments } = require('./arguments')
const { readHeader } = require('./header')
const { print, printable } = require('./output')
const { help: timeoutHelp, readTimeout } = require('./timeout')

const MODES = ['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE']
const EXIT = { complete: 0, incomplete: 1 }

const help = `Usage: sqlock checkpoint [--mode MODE] [--timeout MS] FILE

Moves what FILE-wal holds into the database FILE.

  --mode MODE    PASSIVE (default): what can be moved without waiting for anybody, and without the lock
                 FULL: takes the lock, waits for readers for up to 500 ms, moves everything
                 RESTART: as FULL, and the next writer begins the WAL anew
                 TRUNCATE: as RESTART, and the WAL is cut to 0 bytes
  --timeout MS   ${timeoutHelp}
  --help

Exit codes: 0 everything is in the file, 1 a reader or writer was in the way: not all is, try again;
64 wrong usage, 66 FILE is no database, 74 the system or SQLite refuses, 75 the lock was not to be had in time.`

async function run(args) {
  const options = { mode: { type: 'string' }, timeout: { type: 'string' } }
  const given = readArguments(args, options, ['FILE'])
  if (given.options.help) return print(help)
  const mode = (given.options.mode ?? 'PASSIVE').toUpperCase()
  if (!MODES.includes(mode)) {
    throw new UsageError(`--mode has to be one of ${MODES.join(', ')}`)
  }
  const timeout = readTimeout(given.options.timeout)
  const [file] = given.operands
  if (!readHeader(file).wal) {
    print(`${printable(file)} is not in WAL mode: there is nothing to move`)
    return EXIT.complete
  }
  const db = new DB(file, { fileMustExist: true })
  try {
    return tell(await db.checkpoint(mode, { timeout }))
  } finally {
    await db.close()
  }
}

function tell({ complete, walFrames, checkpointedFrames }) {
  const moved = `${checkpointedFrames} of ${walFrames} pages of the WAL are in the file`
  if (!complete) print(`${moved}; a reader or a writer was in the way of the rest`)
  // A WAL that was cut has none, however many were moved.
  else print(walFrames === 0 ? 'everything is in the file, the WAL is empty' : moved)
  return complete ? EXIT.complete : EXIT.incomplete
}

module.exports = { name: 'checkpoint', summary: 'moves what the WAL holds into the database file', help, run }
