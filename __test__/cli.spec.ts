/** The program around its commands: usage, help, streams. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { sqliteVersion, version } from '../index.js'
import { run } from './helpers/child.ts'
import { PROGRAM, sqlock } from './helpers/cli.ts'
import { tmpDir } from './helpers/tmp.ts'

const COMMANDS = ['status', 'exec', 'checkpoint', 'backup', 'doctor']

test('--help names each command, and each command has a help with its options and exit codes', async t => {
  const { code, stdout } = await sqlock(t, '--help')
  t.is(code, 0)
  for (const command of COMMANDS) {
    t.true(stdout.includes(`\n  ${command}`))
    const help = await sqlock(t, command, '--help')
    t.is(help.code, 0)
    t.is(help.stderr, '')
    t.true(help.stdout.startsWith(`Usage: sqlock ${command} `))
    t.true(help.stdout.includes('Exit codes: '))
    t.true(help.stdout.split('\n').every(line => line.length <= 120))
  }
})

test('the documentation tells of each command the usage that its help tells', async t => {
  const docs = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8')
  for (const command of COMMANDS) {
    const { stdout } = await sqlock(t, command, '--help')
    t.true(docs.includes(`\`\`\`\n${stdout.split('\n')[0]?.slice('Usage: '.length)}\n\`\`\``), command)
    for (const [option] of stdout.matchAll(/^ {2}--(?!help)[a-z-]+/gm)) t.true(docs.includes(option.trim()))
  }
})

test('--version tells the versions of sqlock and of its SQLite', async t => {
  t.is((await sqlock(t, '--version')).stdout, `sqlock ${version}, SQLite ${sqliteVersion}\n`)
})

for (const [args, said] of [
  [[], 'a command is missing; known are '],
  [['stats'], "there is no command 'stats'; known are status"],
  [['--watch'], "there is no command '--watch'"],
  [['status'], 'DIR is missing (sqlock status --help tells more)'],
  [['status', ''], 'DIR is empty'],
  [['status', 'a', 'b'], "one argument too many: 'b'"],
  [['status', '--wacth', '.'], "unknown option '--wacth' (sqlock status --help tells more)"],
  [['status', '--json=yes', '.'], "option '--json' does not take an argument"],
  [['exec'], 'DIR is missing'],
  [['exec', '.'], 'CMD is missing: sqlock exec DIR -- CMD…'],
  [['exec', '.', '--'], 'CMD is missing: sqlock exec DIR -- CMD…'],
  [['exec', '.', 'true'], "one argument too many: 'true'"],
  [['exec', '--timeout', '1s', '.', '--', 'true'], '--timeout has to be a whole number of milliseconds'],
  [['exec', '--timeout', '-1', '.', '--', 'true'], "option '--timeout' argument is ambiguous"],
  [['exec', '--label', 'a\nb', '.', '--', 'true'], 'label must be one line of printable characters'],
  [['checkpoint'], 'FILE is missing'],
  [['doctor'], 'FILE is missing'],
  [
    ['checkpoint', '--mode', 'all', '.'],
    "--mode has to be one of PASSIVE, FULL, RESTART, TRUNCATE, not 'all'"
  ],
  [['checkpoint', '--timeout', '', '.'], '--timeout has to be a whole number of milliseconds']
] as const) {
  test(`wrong usage is one line on stderr and exit code 64: ${JSON.stringify(args)}`, async t => {
    const { code, stdout, stderr } = await sqlock(t, ...args)
    t.is(code, 64)
    t.is(stdout, '')
    t.true(stderr.startsWith(`sqlock: ${said}`), stderr)
    t.is(stderr.split('\n').length, 2)
  })
}

test('a reader of stdout that leaves ends the program without a word', async t => {
  const child = spawn(process.execPath, [PROGRAM, 'status', tmpDir(t)], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.on('data', data => (stderr += data))
  const [code] = await once(child, 'close')
  t.is(code, 141)
  t.is(stderr, '')
})

test('a stderr that nobody reads changes nothing about the exit code', async t => {
  const child = spawn(process.execPath, [PROGRAM, 'stats'], { stdio: ['ignore', 'ignore', 'pipe'] })
  child.stderr.destroy()
  const [code] = await once(child, 'close')
  t.is(code, 64)
})

test('it is what the package installs as sqlock, and can be run by its name', async t => {
  const { bin, files } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  t.deepEqual(bin, { sqlock: 'cli/sqlock.js' })
  t.true(files.includes('cli'))
  t.is((await run(t, PROGRAM, ['--version'])).code, 0)
})
