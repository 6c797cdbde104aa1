/** `sqlock doctor`: what is wrong, told without touching anything. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { has, runScript, spawnHolder } from './helpers/child.ts'
import { Running, sqlock } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'
import { lockFile, openDb, openLocker, tmpDir } from './helpers/tmp.ts'

interface Finding {
  check: string
  level: 'ok' | 'warning' | 'error'
  message: string
  advice?: string
}

/** A directory with app.db, which another process has made and closed. */
async function madeByAnother(t: ExecutionContext): Promise<{ dir: string; file: string }> {
  const dir = tmpDir(t)
  const script = `const db = new DB(dir + '/app.db'); db.createRecord('a', 1).then(() => db.close())`
  t.is((await runScript(t, dir, script)).code, 0)
  return { dir, file: join(dir, 'app.db') }
}

/** What it finds beyond what is fine, and all that a check says. */
async function examine(t: ExecutionContext, file: string, ...options: string[]) {
  const { code, stdout, stderr } = await sqlock(t, 'doctor', '--json', ...options, file)
  t.is(stderr, '')
  const { level, findings } = JSON.parse(stdout) as { level: string; findings: Finding[] }
  t.is(code, ['ok', 'warning', 'error'].indexOf(level))
  const bad = findings.filter(finding => finding.level !== 'ok')
  return { code, findings, bad, of: (check: string) => findings.filter(finding => finding.check === check) }
}

const aboutUs = (findings: Finding[]) =>
  findings.find(({ message }) => message.startsWith(`pid ${process.pid},`))

test('a database that is well is exit code 0, and nothing beside it is made, changed or opened for writing', async t => {
  const { dir, file } = await madeByAnother(t)
  const look = () => readdirSync(dir).map(name => [name, statSync(join(dir, name)).mtimeMs])
  const before = look()
  const { code, stdout } = await sqlock(t, 'doctor', file)
  t.is(code, 0, stdout)
  t.true(stdout.endsWith('errors: 0, warnings: 0\n'))
  for (const check of ['engine', 'file', 'journal', 'wal', 'permissions', 'file system', 'lock', 'users'])
    t.regex(stdout, new RegExp(`^ok {6}${check} `, 'm'))
  t.deepEqual(look(), before)
})

posix('special')(
  'a file that is missing, no database, a directory or a FIFO is an error that says so',
  async t => {
    const dir = tmpDir(t)
    writeFileSync(join(dir, 'text'), 'no database'.repeat(100))
    mkdirSync(join(dir, 'dir'))
    execFileSync('mkfifo', [join(dir, 'fifo')])
    for (const [name, said] of [
      ['missing', 'there is no file'],
      ['text', 'is no SQLite database'],
      ['dir', 'is no database but a directory'],
      ['fifo', 'is no database but a special file']
    ] as const) {
      const { code, of } = await examine(t, join(dir, name))
      t.is(code, 2)
      t.true(of('file')[0]?.message.includes(said))
    }
  }
)

test('a holder is told, one that is stopped is an error, and one that takes long is a warning', async t => {
  const { dir, file } = await madeByAnother(t)
  const holder = await spawnHolder(t, dir, { label: 'nightly import' })
  const [held] = (await examine(t, file)).of('lock')
  t.is(held?.level, 'ok')
  t.true(held?.message.startsWith(`held by pid ${holder.pid}, "nightly import"`), held?.message)
  writeFileSync(lockFile(dir), `pid:${holder.pid}\ntime:2020-01-01T00:00:00.000Z\n`)
  const long = await examine(t, file)
  t.is(long.code, 1)
  t.deepEqual([long.bad[0]?.check, long.bad[0]?.level], ['lock', 'warning'])
  if (process.platform !== 'linux') return
  holder.child.kill('SIGSTOP')
  const stopped = await examine(t, file)
  t.is(stopped.code, 2)
  t.true(stopped.of('lock')[0]?.message.includes('which is stopped'))
  t.true(stopped.of('lock')[0]?.advice?.includes(`kill -CONT ${holder.pid}`))
})

test('a db.lock that is no file, and the directory of proper-lockfile, are told', async t => {
  const { dir, file } = await madeByAnother(t)
  mkdirSync(`${lockFile(dir)}.lock`)
  const mixed = await examine(t, file)
  t.deepEqual([mixed.code, mixed.bad.length], [1, 1])
  t.true(mixed.bad[0]?.message.includes('proper-lockfile'))
  rmSync(lockFile(dir))
  symlinkSync('/dev/null', lockFile(dir))
  const link = await examine(t, file)
  t.is(link.code, 2)
  t.true(link.of('lock')[0]?.message.includes('is no regular file'))
})

posix('symlink')(
  'a symbolic link to a database in another directory is a warning: there are two locks',
  async t => {
    const { dir, file } = await madeByAnother(t)
    const other = tmpDir(t)
    symlinkSync(file, join(other, 'link.db'))
    const { code, bad } = await examine(t, join(other, 'link.db'))
    t.is(code, 1)
    t.is(bad[0]?.check, 'link')
    t.true(bad[0]?.message.includes(lockFile(dir)) && bad[0]?.message.includes(lockFile(other)))
    symlinkSync(file, join(dir, 'link.db'))
    t.is((await examine(t, join(dir, 'link.db'))).code, 0)
  }
)

posix('mode')(
  'who may write the database and is shut out beside it is told, with the command that mends it',
  async t => {
    const { dir, file } = await madeByAnother(t)
    chmodSync(file, 0o666)
    chmodSync(dir, 0o777)
    chmodSync(lockFile(dir), 0o600)
    const shut = await examine(t, file)
    t.is(shut.code, 1)
    t.true(shut.bad[0]?.message.includes('its group') && shut.bad[0]?.message.includes('all others'))
    execFileSync('sh', ['-c', shut.bad[0]?.advice ?? 'false'])
    t.is((await examine(t, file)).code, 0)
    chmodSync(dir, 0o755)
    const folder = await examine(t, file)
    t.deepEqual([folder.code, folder.bad.length], [1, 1])
    t.true(folder.bad[0]?.message.includes(`but not ${dir} (0755`))
  }
)

if (process.getuid?.() === 0) {
  test('an owner that is shut out of db.lock is an error', async t => {
    const { dir, file } = await madeByAnother(t)
    chownSync(dir, 65_534, 65_534)
    chownSync(file, 65_534, 65_534)
    const { code, bad } = await examine(t, file)
    t.is(code, 2)
    t.true(bad[0]?.message.includes('its owner (uid 65534)') && bad[0]?.message.includes(lockFile(dir)))
  })
}

test('a WAL that has grown large is a warning that names the way to cut it', async t => {
  const { file } = await madeByAnother(t)
  writeFileSync(`${file}-wal`, '', { mode: statSync(file).mode })
  truncateSync(`${file}-wal`, 2 ** 27)
  const { code, bad } = await examine(t, file)
  t.is(code, 1)
  t.true(bad[0]?.advice?.includes(`sqlock checkpoint --mode TRUNCATE ${file}`))
})

test('a database that is not in WAL mode, and a journal beside it, are told', async t => {
  const file = join(tmpDir(t), 'app.db')
  writeFileSync(file, '')
  const empty = await examine(t, file)
  t.is(empty.code, 0)
  t.true(empty.of('journal')[0]?.message.startsWith('not WAL yet'))
  writeFileSync(`${file}-journal`, 'x')
  t.is((await examine(t, file)).code, 1)
})

test('--quick-check finds what the other checks cannot see', async t => {
  const { file } = await madeByAnother(t)
  const well = await examine(t, file, '--quick-check')
  t.deepEqual([well.code, well.of('quick_check')[0]?.message], [0, 'ok'])
  const size = statSync(file).size
  truncateSync(file, 4096)
  truncateSync(file, size)
  t.is((await examine(t, file)).code, 0)
  const broken = await examine(t, file, '--quick-check')
  t.is(broken.code, 2)
  t.is(broken.bad[0]?.check, 'quick_check')
})

test('network file systems are known by their numbers of statfs(2)', t => {
  const { judge } = createRequire(import.meta.url)('../cli/doctor/file-system.js')
  t.is(judge(0x6969, '/mnt').level, 'error')
  t.true(judge(0x6969, '/mnt').message.includes('NFS'))
  t.is(judge(0x65735546, '/mnt').level, 'warning')
  t.is(judge(0xef53, '/mnt').level, 'ok')
})

if (process.platform === 'linux') {
  test('another process that has the database open is told, and that one that holds a deleted one is in error', async t => {
    const dir = tmpDir(t)
    const db = openDb(t, dir)
    await db.createRecord('a', 1)
    const well = await examine(t, db.dbPath)
    t.is(well.code, 0)
    t.regex(aboutUs(well.of('users'))?.message ?? '', /: has the database .*open/)
    rmSync(db.dbPath)
    writeFileSync(db.dbPath, '')
    const replaced = await examine(t, db.dbPath)
    t.is(replaced.code, 2)
    t.true(aboutUs(replaced.bad)?.message.includes('was deleted or replaced'))
  })

  if (has('python3')) {
    for (const mode of ['WAL', 'DELETE']) {
      test(`a program that writes without the lock is a warning while it does, journal mode ${mode}`, async t => {
        const { file } = await madeByAnother(t)
        const program = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('PRAGMA journal_mode = ${mode}')
print('open', flush=True)
sys.stdin.readline()
db.execute('BEGIN IMMEDIATE')
print('writing', flush=True)
sys.stdin.read()`
        const writer = new Running(t, 'python3', ['-c', program, file])
        t.is(await writer.line(), 'open')
        const about = (findings: Finding[]) =>
          findings.find(({ message }) => message.startsWith(`pid ${writer.child.pid},`))
        const open = about((await examine(t, file)).of('users'))
        t.is(open?.level, 'ok')
        t.true(open?.message.includes('and not db.lock'))
        writer.child.stdin!.write('\n')
        t.is(await writer.line(), 'writing')
        const writing = about((await examine(t, file)).bad)
        t.is(writing?.level, 'warning')
        t.true(writing?.message.includes('is writing without the lock'))
      })
    }
  }

  test('a holder that db.lock does not name is a warning', async t => {
    const { dir, file } = await madeByAnother(t)
    await openLocker(t, dir).acquire()
    writeFileSync(lockFile(dir), 'mine')
    const { code, of } = await examine(t, file)
    t.is(code, 1)
    t.is(of('lock')[0]?.level, 'warning')
    t.truthy(aboutUs(of('users')))
  })
}
