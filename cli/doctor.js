/** `sqlock doctor`: what is wrong with a database, its lock and those who use it. Looks and touches nothing. */
'use strict'

const { sqliteVersion, version } = require('../index')
const { readArguments } = require('./arguments')
const { fileSystemFindings } = require('./doctor/file-system')
const { LEVELS, ok, worst } = require('./doctor/finding')
const { journalFindings } = require('./doctor/journal')
const { lockFindings } = require('./doctor/lock')
const { permissionFindings } = require('./doctor/permissions')
const { quickCheckFindings } = require('./doctor/quick-check')
const { subjectOf } = require('./doctor/subject')
const { userFindings } = require('./doctor/users')
const { paint, print, printJson, printable } = require('./output')

const COLOURS = { ok: 'green', warning: 'yellow', error: 'red' }

const help = `Usage: sqlock doctor [--json] [--quick-check] FILE

Looks at the database FILE, at what lies beside it and at who uses it, and tells what is wrong and what to do:
versions, journal mode, size of the WAL, permissions, network file systems, other processes, a holder of the lock that
is stopped or takes long. Reads the first 100 bytes of the file, and nothing else of it. Run it as root to see the
processes of all users.

  --json          one JSON object: file, level, findings (check, level, message, advice)
  --quick-check   also lets SQLite check the file, as one more reader: it takes long on a large file
  --help

Exit codes: 0 all is well, 1 there are warnings, 2 there are errors, or FILE is no database; 64 wrong usage.`

async function run(args) {
  const options = { json: { type: 'boolean' }, 'quick-check': { type: 'boolean' } }
  const given = readArguments(args, options, ['FILE'])
  if (given.options.help) return print(help)
  const [file] = given.operands
  const findings = await examine(file, given.options['quick-check'])
  const level = LEVELS[worst(findings)]
  if (given.options.json) printJson({ file, level, findings })
  else tell(findings)
  return worst(findings)
}

async function examine(file, quickCheck) {
  const engine = ok('engine', `sqlock ${version}, SQLite ${sqliteVersion}`)
  const { subject, findings } = subjectOf(file)
  if (subject === null) return [engine, ...findings]
  return [
    engine,
    ...findings,
    ...journalFindings(subject),
    ...permissionFindings(subject),
    ...fileSystemFindings(subject),
    ...(await lockFindings(subject)),
    ...userFindings(subject),
    ...(quickCheck ? await quickCheckFindings(subject) : [])
  ]
}

function tell(findings) {
  for (const { check, level, message, advice } of findings) {
    print(`${paint(COLOURS[level], level.padEnd(7))} ${check.padEnd(11)} ${printable(message)}`)
    if (advice) print(`${' '.repeat(20)}${paint('grey', `-> ${printable(advice)}`)}`)
  }
  const count = level => findings.filter(finding => finding.level === level).length
  print(`errors: ${count('error')}, warnings: ${count('warning')}`)
}

module.exports = {
  name: 'doctor',
  summary: 'what is wrong with a database, its lock and its users?',
  help,
  run
}
