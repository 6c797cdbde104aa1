/**
 * Several names of one database file. Two hard links in one directory have a -wal each: 200 writes resolved, and 100 were in the file. A
 * symbolic link into another directory has another lock than the file. Nobody was told of either.
 */
import { linkSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openDb, tmpDir } from './helpers/tmp.ts'
import { runScript } from './helpers/child.ts'
import { sqlock } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'

/** What a process is warned of that opens these names, one after the other. */
async function warningsOf(t: ExecutionContext, dir: string, names: string[], options = {}) {
  const script = `
    const heard = []
    process.on('warning', ({ code, message }) => heard.push({ code, message }))
    process.on('exit', () => console.log(JSON.stringify(heard)))
    ;(async () => {
      for (const name of ${JSON.stringify(names)}) await new DB(dir + '/' + name, ${JSON.stringify(options)}).close()
    })()`
  const { code, stdout, stderr } = await runScript(t, dir, script)
  t.is(code, 0, stderr)
  return JSON.parse(stdout) as { code: string; message: string }[]
}

async function made(t: ExecutionContext) {
  const dir = tmpDir(t)
  mkdirSync(join(dir, 'other'))
  const db = openDb(t, dir)
  await db.createRecord('a', 1)
  await db.close()
  return dir
}

/** What sqlock doctor says of links. */
async function found(t: ExecutionContext, file: string) {
  const { stdout } = await sqlock(t, 'doctor', '--json', file)
  const { findings } = JSON.parse(stdout) as { findings: { check: string; level: string; advice?: string }[] }
  return findings.filter(({ check }) => check === 'link')
}

test('a database with two hard links is warned of, once for each name, also when it is only read', async t => {
  const dir = await made(t)
  t.deepEqual(await warningsOf(t, dir, ['app.db']), [])
  linkSync(join(dir, 'app.db'), join(dir, 'b.db'))
  for (const options of [{}, { readonly: true }]) {
    const warnings = await warningsOf(t, dir, ['app.db', 'app.db', 'b.db'], options)
    t.deepEqual(
      warnings.map(({ code }) => code),
      ['SQLOCK_HARD_LINK', 'SQLOCK_HARD_LINK']
    )
    t.true(warnings[0]!.message.includes(`${join(dir, 'app.db')} has 2 names`))
    t.true(warnings[1]!.message.includes(join(dir, 'b.db')))
  }
  const [finding] = await found(t, join(dir, 'app.db'))
  t.is(finding?.level, 'error')
  t.regex(finding?.advice ?? '', /find DIR -samefile/)
  rmSync(join(dir, 'b.db'))
  t.deepEqual(await warningsOf(t, dir, ['app.db']), [])
  t.deepEqual(await found(t, join(dir, 'app.db')), [])
})

posix('symlink')('a symbolic link into another directory is warned of, with the path to use', async t => {
  const dir = await made(t)
  symlinkSync('../app.db', join(dir, 'other/link.db'))
  const [warning, ...more] = await warningsOf(t, dir, ['other/link.db', 'other/link.db'])
  t.is(warning?.code, 'SQLOCK_SYMBOLIC_LINK')
  t.true(warning?.message.endsWith(`open the same path: ${join(dir, 'app.db')}`), warning?.message)
  t.deepEqual(more, [])
  t.deepEqual(await warningsOf(t, dir, ['other/link.db'], { readonly: true }), [], 'a reader takes no lock')
  t.is((await found(t, join(dir, 'other/link.db')))[0]?.level, 'warning')
})

test('a symbolic link within a directory, and a link to a directory, have one lock: no warning', async t => {
  const dir = await made(t)
  symlinkSync('app.db', join(dir, 'link.db'))
  symlinkSync(dir, join(dir, 'other/dir'))
  t.deepEqual(await warningsOf(t, dir, ['app.db', 'link.db', 'other/dir/app.db', 'new.db']), [])
})

posix('symlink')('stats() tells the size of the -wal through a symbolic link', async t => {
  const dir = await made(t)
  symlinkSync('../app.db', join(dir, 'other/app.db'))
  const db = openDb(t, join(dir, 'other'))
  await db.createRecord('b', 1)
  t.true(db.stats().walBytes > 0)
  t.is(db.stats().walBytes, statSync(join(dir, 'app.db-wal')).size)
})
