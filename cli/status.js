/** `sqlock status`: is the lock of a directory free, or who has it? */
'use strict'

const { setTimeout: delay } = require('node:timers/promises')
const { WriteLocker } = require('../index')
const { readArguments } = require('./arguments')
const { describeHolder } = require('./holder')
const { paint, print, printJson, printRaw, printable } = require('./output')

const LOOK_EVERY_MS = 200
const EXIT = { free: 0, held: 1 }

const help = `Usage: sqlock status [--json] [--watch] DIR

Tells whether the lock of DIR, DIR/db.lock, is free, or who holds it: pid, label, for how long, command.
Disturbs nobody: it asks the kernel, and does not try to take the lock.

  --json    one JSON object: locked, lockPath, holder (pid, time, alive, command, label, ageMs)
  --watch   looks again every ${LOOK_EVERY_MS} ms, until a signal ends it; on a terminal one line that is kept up to date,
            elsewhere, and with --json, a line for each change
  --help

Exit codes: 0 free, 1 held; 64 wrong usage, 66 DIR is no directory, 74 the system refuses.`

async function run(args) {
  const options = { json: { type: 'boolean' }, watch: { type: 'boolean' } }
  const given = readArguments(args, options, ['DIR'])
  if (given.options.help) return print(help)
  const locker = new WriteLocker(given.operands[0])
  if (given.options.watch) return watch(locker, given.options.json)
  const status = await locker.status()
  if (given.options.json) printJson(status)
  else print(describe(status))
  return status.locked ? EXIT.held : EXIT.free
}

function describe({ locked, lockPath, holder }) {
  const path = printable(lockPath)
  if (!locked) return `${paint('green', 'free')} ${path}`
  return `${paint('yellow', 'held')} ${path}: ${describeHolder(holder)}`
}

async function watch(locker, json) {
  const redraws = process.stdout.isTTY && !json
  let last
  for (;;) {
    const status = await locker.status()
    const current = identity(status)
    if (redraws) redraw(describe(status))
    else if (current !== last) tellChange(status, json)
    last = current
    await delay(LOOK_EVERY_MS)
  }
}

/** Two holds of one process differ by their time. */
const identity = ({ locked, holder }) => JSON.stringify([locked, holder?.pid, holder?.time])

function tellChange(status, json) {
  const at = new Date().toISOString()
  if (json) printJson({ at, ...status })
  else print(`${at} ${describe(status)}`)
}

/** A line that wraps would leave its beginning behind, so the terminal is told not to wrap it. */
const redraw = line => printRaw(`\r\u001b[K\u001b[?7l${line}\u001b[?7h`)

module.exports = { name: 'status', summary: 'is the lock of a directory free, or who holds it?', help, run }
