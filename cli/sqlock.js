#!/usr/bin/env node
/** The program `sqlock`: finds the command, and turns its errors into a line on stderr and an exit code. */
'use strict'

const { dirname } = require('node:path')
const { LockTimeout, SqliteError, SqlockError, sqliteVersion, version } = require('../index')
const { UsageError } = require('./arguments')
const { IO, NO_INPUT, OK, SOFTWARE, TIMEOUT, USAGE } = require('./exit-codes')
const { InputError } = require('./header')
const { describeHolder } = require('./holder')
const { OutputError, complain, print } = require('./output')

const COMMANDS = [
  require('./status'),
  require('./exec'),
  require('./checkpoint'),
  require('./backup'),
  require('./doctor')
]

const help = `Usage: sqlock COMMAND …

Looks after the lock that several processes take before they write to one SQLite database.

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`).join('\n')}

  --help, --version

sqlock COMMAND --help tells the rest, exit codes included.`

async function main([name, ...args]) {
  if (name === '--help' || name === '-h') return print(help)
  if (name === '--version') return print(`sqlock ${version}, SQLite ${sqliteVersion}`)
  const command = COMMANDS.find(command => command.name === name)
  if (command) return command.run(args)
  const what = name === undefined ? 'a command is missing' : `there is no command '${name}'`
  throw new UsageError(`${what}; known are ${COMMANDS.map(({ name }) => name).join(', ')}`)
}

/** Tells of an error; gives the exit code for it. */
function failed(error, name) {
  if (error instanceof UsageError) return tell(USAGE, `${error.message} (${helpFor(name)} tells more)`)
  if (error instanceof LockTimeout) return tell(TIMEOUT, describeTimeout(error))
  if (error instanceof InputError) return tell(NO_INPUT, error.message)
  if (error.errno === 'ENOTDIR')
    return tell(NO_INPUT, `${error.message}; its directory is ${dirname(error.path)}`)
  if (error.errno === 'ENOENT' || error.code === 'ENOTDIR') return tell(NO_INPUT, error.message)
  if (error instanceof SqliteError) return tell(IO, `${error.message} (${error.code})`)
  if (error instanceof SqlockError || error instanceof OutputError || error.syscall)
    return tell(IO, error.message)
  return tell(SOFTWARE, `a bug, please report it: ${error.stack}`)
}

function tell(code, message) {
  complain(message)
  return code
}

const helpFor = name =>
  COMMANDS.some(command => command.name === name) ? `sqlock ${name} --help` : 'sqlock --help'

function describeTimeout({ timeoutMs, holderInfo, holder }) {
  const who = holderInfo ? describeHolder(holderInfo) : holder
  return `the lock was not to be had within ${timeoutMs} ms\n  held by ${who}\n  nothing was done: try again, wait longer (--timeout), or see to the holder`
}

const args = process.argv.slice(2)
main(args).then(
  code => (process.exitCode = code ?? OK),
  error => (process.exitCode = failed(error, args[0]))
)
