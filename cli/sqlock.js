#!/usr/bin/env node
/** The program `sqlock`: finds the command, and turns its errors into a line on stderr and an exit code. */
'use strict'

const { existsSync } = require('node:fs')
const { dirname } = require('node:path')
const { LockTimeout, SqliteError, SqlockError, sqliteVersion, version } = require('../index')
const { UsageError, checkEncoding } = require('./arguments')
const { IO, NO_INPUT, OK, SOFTWARE, TIMEOUT, USAGE } = require('./exit-codes')
const { InputError } = require('./header')
const { describeHolder } = require('./holder')
const { OutputError, complain, print, printable } = require('./output')

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

/** The file or directory is not there, or is no such thing. */
const NOT_THERE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

async function main([name, ...args]) {
  checkEncoding([name, ...args])
  if (name === '--help' || name === '-h') return print(help)
  if (name === '--version') return print(`sqlock ${version}, SQLite ${sqliteVersion}`)
  const command = COMMANDS.find(command => command.name === name)
  if (command) return command.run(args)
  const what = name === undefined ? 'a command is missing' : `there is no command '${name}'`
  throw new UsageError(`${what}; known are ${COMMANDS.map(({ name }) => name).join(', ')}`)
}

/** Tells of an error; gives the exit code for it. */
function failed(error, name) {
  if (error instanceof UsageError)
    return tell(USAGE, `${printable(error.message)} (${helpFor(name)} tells more)`)
  if (error instanceof LockTimeout) return tell(TIMEOUT, describeTimeout(error))
  if (error instanceof SqliteError) return tell(IO, printable(`${error.message} (${error.code})`))
  const message = printable(error.message)
  if (error instanceof InputError) return tell(NO_INPUT, message)
  if (NOT_THERE.has(errnoOf(error))) return tell(NO_INPUT, `${message}${whereItIs(error)}`)
  if (error instanceof SqlockError || error instanceof OutputError || error.syscall) return tell(IO, message)
  return tell(SOFTWARE, `a bug, please report it: ${error.stack}`)
}

function tell(code, message) {
  complain(message)
  return code
}

/** The name of the errno, which errors of Node have as their code. */
const errnoOf = ({ code, errno }) => (typeof errno === 'string' ? errno : code)

/** A file instead of its directory is a common mistake. */
const whereItIs = error =>
  error.errno === 'ENOTDIR' && existsSync(error.path)
    ? `; its directory is ${printable(dirname(error.path))}`
    : ''

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
