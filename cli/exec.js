/** `sqlock exec`: flock(1) for the lock that sqlock takes. */
'use strict'

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { constants } = require('node:os')
const { WriteLocker } = require('../index')
const { UsageError, readArguments } = require('./arguments')
const { CANNOT_RUN, NOT_FOUND, SIGNAL } = require('./exit-codes')
const { complain, print, printable } = require('./output')
const { passSignalsOn } = require('./signals')
const { help: timeoutHelp, readTimeout } = require('./timeout')

const help = `Usage: sqlock exec [--timeout MS] [--label TEXT] DIR -- CMD…

Runs CMD while it holds the lock of DIR, DIR/db.lock: for programs that do not take the lock themselves, such as the
sqlite3 shell. One that does, anything with sqlock in it, would wait for us, in vain.

  --timeout MS   ${timeoutHelp}
  --label TEXT   what those who wait are told that we are doing; at most 200 printable characters
  --help

CMD has our stdin, stdout and stderr; signals that we get are passed on to it. The lock is given back when CMD ends.
What CMD leaves running in the background does not keep it. After a kill -9 of sqlock, CMD goes on without the lock.

Exit codes: that of CMD, 128+n when signal n has ended it, 126 when it cannot be run, 127 when it is not there;
64 wrong usage, 66 DIR is no directory, 74 the system refuses, 75 the lock was not to be had in time, CMD was not run.`

async function run(args) {
  const end = args.indexOf('--')
  const own = end === -1 ? args : args.slice(0, end)
  const options = { timeout: { type: 'string' }, label: { type: 'string' } }
  const given = readArguments(own, options, ['DIR'])
  if (given.options.help) return print(help)
  const timeout = readTimeout(given.options.timeout)
  const [command, ...commandArgs] = end === -1 ? [] : args.slice(end + 1)
  if (!command) throw new UsageError('CMD is missing: sqlock exec DIR -- CMD…')
  const locker = lockerOf(given.operands[0], given.options.label)
  return locker.withLock(() => runCommand(command, commandArgs), timeout)
}

function lockerOf(dir, label) {
  try {
    return new WriteLocker(dir, { label })
  } catch (error) {
    throw error instanceof TypeError || error instanceof RangeError ? new UsageError(error.message) : error
  }
}

async function runCommand(command, args) {
  // Before there is a child: a signal that came first would end us and leave it without the lock.
  const passing = passSignalsOn()
  try {
    const child = spawn(command, args, { stdio: 'inherit' })
    passing.to(child)
    const [code, signal] = await once(child, 'exit')
    return signal === null ? code : SIGNAL + constants.signals[signal]
  } catch (error) {
    complain(printable(`${command} cannot be run: ${error.message}`))
    return error.code === 'ENOENT' ? NOT_FOUND : CANNOT_RUN
  } finally {
    passing.stop()
  }
}

module.exports = { name: 'exec', summary: 'runs a command while it holds the lock', help, run }
