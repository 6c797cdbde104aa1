/** The program around its commands: usage, help, streams. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { sqliteVersion, version } from '../index.js'
import { has, run } from './helpers/child.ts'
import { PROGRAM, sqlock } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'
import { isThere } from './helpers/there.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

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
  [['status', 'a', 'b'], 'too many arguments: only DIR can be given'],
  [['status', '--wacth', '.'], "unknown option '--wacth' (sqlock status --help tells more)"],
  [['status', '--json=yes', '.'], "option '--json' does not take an argument"],
  [['exec'], 'DIR is missing'],
  [['exec', '.'], 'CMD is missing: sqlock exec DIR -- CMD…'],
  [['exec', '.', '--'], 'CMD is missing: sqlock exec DIR -- CMD…'],
  [['exec', '.', 'true'], 'too many arguments: only DIR can be given'],
  [['exec', '--timeout', '1s', '.', '--', 'true'], '--timeout has to be a whole number of milliseconds'],
  [['exec', '--timeout', '-1', '.', '--', 'true'], "option '--timeout' argument is ambiguous"],
  [['exec', '--label', 'a\nb', '.', '--', 'true'], 'label must be one line of printable characters'],
  [['checkpoint'], 'FILE is missing'],
  [['doctor'], 'FILE is missing'],
  [['checkpoint', '--mode', 'all', '.'], '--mode has to be one of PASSIVE, FULL, RESTART, TRUNCATE'],
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

/** Each command, each way to print, with a database in `dir`. */
const PRINTING = (dir: string): string[][] => [
  ['--help'],
  ['--version'],
  ...COMMANDS.map(command => [command, '--help']),
  ['status', dir],
  ['status', '--json', dir],
  ['status', '--watch', dir],
  ['status', '--watch', '--json', dir],
  ['doctor', join(dir, 'app.db')],
  ['doctor', '--json', join(dir, 'app.db')],
  ['checkpoint', join(dir, 'app.db')],
  ['checkpoint', '--mode', 'truncate', join(dir, 'app.db')],
  ['backup', join(dir, 'app.db'), join(dir, 'copy.db')]
]

/** Runs `sqlock …args` with files for its stdout and stderr. */
async function runWith(t: ExecutionContext, stdout: string, stderr: string, args: string[]) {
  const files = [openSync(stdout, 'a'), openSync(stderr, 'a')]
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', ...files] })
  t.teardown(() => child.kill('SIGKILL'))
  files.forEach(file => closeSync(file))
  const [code] = await once(child, 'exit')
  return code
}

if (isThere(existsSync('/dev/full'), 'there is no /dev/full')) {
  test('a stdout that is full is one line on stderr and exit code 74, whatever the command', async t => {
    const dir = tmpDir(t)
    await openDb(t, dir).createRecord('precious', 1)
    const stderr = join(dir, 'stderr')
    for (const args of PRINTING(dir)) {
      writeFileSync(stderr, '')
      t.is(await runWith(t, '/dev/full', stderr, args), 74, args.join(' '))
      t.is(
        readFileSync(stderr, 'utf8'),
        'sqlock: stdout cannot be written to: ENOSPC: no space left on device, write\n'
      )
    }
    t.true(existsSync(join(dir, 'copy.db')), 'what was done before is done')
  })

  test('a stderr that is full changes nothing about the exit code', async t => {
    const dir = tmpDir(t)
    t.is(await runWith(t, '/dev/full', '/dev/full', ['status', dir]), 74)
    t.is(await runWith(t, join(dir, 'stdout'), '/dev/full', ['stats']), 64)
    t.is(await runWith(t, join(dir, 'stdout'), '/dev/full', ['exec', dir, '--', 'no-such-program']), 127)
  })
}

if (has('prlimit')) {
  // Node's stream for a file takes a text for written when the disk has taken its first byte.
  test('a stdout that takes only the beginning of a text is exit code 74, too', async t => {
    const dir = tmpDir(t)
    const stdout = join(dir, 'stdout')
    const shell = `exec prlimit --fsize=100 "$0" "$1" --help > ${stdout}`
    const { code, stderr } = await run(t, 'sh', ['-c', shell, process.execPath, PROGRAM])
    t.is(code, 74)
    t.is(stderr, 'sqlock: stdout cannot be written to: EFBIG: file too large, write\n')
    t.is(statSync(stdout).size, 100)
  })
}

if (has('strace')) {
  test('a pipe that fails otherwise than by its reader is exit code 74', async t => {
    const dir = tmpDir(t)
    const inject = '-e trace=write,writev -e inject=write,writev:error=EIO -P pipe'
    const shell = `mkfifo pipe; cat pipe & exec strace -f -o log ${inject} "$0" "$1" status . > pipe`
    const { code, stdout, stderr } = await run(t, 'sh', ['-c', shell, process.execPath, PROGRAM], {
      cwd: dir
    })
    t.deepEqual([code, stdout], [74, ''])
    t.regex(stderr, /^sqlock: stdout cannot be written to: .*EIO/m)
  })
}

posix('names')(
  'a name with a newline and control characters is told in one line, by every command',
  async t => {
    const name = 'a\nb\u001b[2J'
    const dir = join(tmpDir(t), name)
    const db = openDb(t, dir)
    await db.createRecord('a', 1)
    const [file, missing] = [join(dir, name), join(dir, 'no', name)]
    await db.backup(file)
    for (const [expected, ...args] of [
      [0, 'status', dir],
      [66, 'status', missing],
      [66, 'status', file],
      [66, 'exec', missing, '--', 'true'],
      [127, 'exec', dir, '--', missing],
      [0, 'checkpoint', file],
      [66, 'checkpoint', missing],
      [0, 'backup', file, join(dir, `${name}2`)],
      [66, 'backup', file, missing],
      [64, 'backup', file, dir],
      [64, 'backup', file, file, name],
      [64, name]
    ] as [number, ...string[]][]) {
      const { code, stdout, stderr } = await sqlock(t, ...args)
      t.is(code, expected, stderr)
      t.is(`${stdout}${stderr}`.split('\n').length, 2, `${stdout}${stderr}`)
      t.false(`${stdout}${stderr}`.includes('\u001b'))
    }
  }
)

test('a path that leads nowhere is exit code 66, whatever the reason', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  symlinkSync('loop', join(dir, 'loop'))
  symlinkSync('missing', join(dir, 'dangling'))
  for (const name of ['missing', 'dangling', 'loop', 'x'.repeat(256), 'app.db/x']) {
    const path = join(dir, name)
    for (const args of [
      ['status', path],
      ['exec', path, '--', 'true'],
      ['checkpoint', path],
      ['backup', path, join(dir, 'copy')],
      ['backup', db.dbPath, join(path, 'copy')]
    ]) {
      const { code, stderr } = await sqlock(t, ...args)
      t.is(code, 66, stderr)
      t.false(stderr.includes('its directory is'), 'it is no file in a directory')
    }
    t.is((await sqlock(t, 'doctor', path)).code, 2)
  }
})

if (process.platform === 'linux') {
  // Node replaces such bytes, and a backup had another name than the one that was asked for.
  test('an argument that is no UTF-8 is refused', async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir)
    await db.createRecord('a', 1)
    await db.backup(join(dir, '\ufffd.db'))
    const names = () => readdirSync(dir).toSorted()
    const before = names()
    for (const args of [
      `status "$name"`,
      `doctor "$name"`,
      `checkpoint "$name"`,
      `backup app.db "$name"`,
      `backup "$name" copy.db`,
      `exec . -- touch "$name"`
    ]) {
      const shell = `name=$(printf 'b\\377.db'); exec "$0" "$1" ${args}`
      const { code, stderr } = await run(t, 'sh', ['-c', shell, process.execPath, PROGRAM], { cwd: dir })
      t.is(code, 64, args)
      t.true(stderr.startsWith('sqlock: an argument is not valid UTF-8'), stderr)
    }
    t.deepEqual(names(), before)
    t.is((await sqlock(t, 'checkpoint', join(dir, '\ufffd.db'))).code, 0, 'the character itself is a name')
  })
}

posix('tools')('it is what the package installs as sqlock, and can be run by its name', async t => {
  const { bin, files } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  t.deepEqual(bin, { sqlock: 'cli/sqlock.js' })
  t.true(files.includes('cli'))
  t.is((await run(t, PROGRAM, ['--version'])).code, 0)
})
