/** `sqlock backup`: a copy from outside. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { readWhole } from './helpers/backup.ts'
import { has } from './helpers/child.ts'
import { PROGRAM, onTerminal, sqlock, start } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'
import { openDb, tmpDir } from './helpers/tmp.ts'

const MANY_ROWS =
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT hex(randomblob(500)) FROM n'

test('a database that a process has open is copied, and can be opened', async t => {
  const db = openDb(t)
  await db.createRecord('a', 1)
  const destination = join(tmpDir(t), 'copy.db')
  const { code, stdout, stderr } = await sqlock(t, 'backup', db.dbPath, destination)
  t.is(code, 0, stderr)
  t.regex(stdout, /^\d+ pages are in .*copy\.db\n$/)
  t.is(await readWhole(t, destination, copy => copy.getAllRecords().length), 1)
})

test('what cannot be copied, and where nothing can be put, is told in one line', async t => {
  const dir = tmpDir(t)
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  writeFileSync(join(dir, 'text'), 'no database'.repeat(100))
  for (const [code, ...args] of [
    [66, join(dir, 'missing'), join(dir, 'copy')],
    [66, join(dir, 'text'), join(dir, 'copy')],
    [66, db.dbPath, join(dir, 'no', 'such', 'directory')],
    [64, db.dbPath, dir],
    [64, '--pages-per-step', '0', db.dbPath, join(dir, 'copy')],
    [64, db.dbPath]
  ] as [number, ...string[]][]) {
    const outcome = await sqlock(t, 'backup', ...args)
    t.is(outcome.code, code, outcome.stderr)
    t.regex(outcome.stderr, /^sqlock: .*\n$/)
  }
  t.false(existsSync(join(dir, 'copy')))
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGALRM', 'SIGUSR2'] as const) {
  posix('signals')(`${signal} ends it, and nothing is left`, async t => {
    const db = openDb(t)
    await db.exec(`CREATE TABLE t (a); ${MANY_ROWS}`)
    const dir = tmpDir(t)
    const running = start(t, 'backup', '--pages-per-step', '1', db.dbPath, join(dir, 'copy.db'))
    while (readdirSync(dir).length === 0) await new Promise(resolve => setTimeout(resolve, 1))
    running.child.kill(signal)
    t.is(await running.ended(), 128 + constants.signals[signal])
    t.deepEqual(readdirSync(dir), [])
  })
}

if (has('python3')) {
  test('on a terminal a bar tells how far it is', async t => {
    const db = openDb(t)
    await db.exec(`CREATE TABLE t (a); ${MANY_ROWS}`)
    const destination = join(tmpDir(t), 'copy.db')
    const running = onTerminal(t, {}, process.execPath, PROGRAM, 'backup', db.dbPath, destination)
    const drawn: string[] = []
    // A bar that is drawn over the last one is a line of its own here.
    for (let line = await running.line(); line !== undefined; line = await running.line()) drawn.push(line)
    const bars = drawn.filter(line => /^[#.]{40} +\d+ %$/.test(line))
    t.true(bars.length > 3)
    t.is(bars.at(-1), `${'#'.repeat(40)} 100 %`)
    t.is(await running.ended(), 0)
  })
}
