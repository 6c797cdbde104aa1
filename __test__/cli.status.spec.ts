/** `sqlock status`: who holds the lock, without disturbing anybody. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { has, spawnHolder } from './helpers/child.ts'
import { PROGRAM, onTerminal, sqlock, start } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'
import { lockFile, openLocker, tmpDir } from './helpers/tmp.ts'

test('a lock that nobody has ever taken is free, and no file is made', async t => {
  const dir = tmpDir(t)
  const { code, stdout } = await sqlock(t, 'status', dir)
  t.is(code, 0)
  t.is(stdout, `free ${lockFile(dir)}\n`)
  t.false(existsSync(lockFile(dir)))
})

posix('command')('a lock that is held is told with pid, label, age and command of the holder', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir, { label: 'nightly import' })
  const { code, stdout } = await sqlock(t, 'status', dir)
  t.is(code, 1)
  t.true(stdout.startsWith(`held ${lockFile(dir)}: pid ${holder.pid}, "nightly import", for `), stdout)
  t.true(stdout.includes('holder.mjs'))
  t.is(stdout.split('\n').length, 2)
})

test('--json is the LockStatus', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir, { label: 'a' })
  const { code, stdout } = await sqlock(t, 'status', '--json', dir)
  t.is(code, 1)
  const { locked, lockPath, holder: told } = JSON.parse(stdout)
  t.deepEqual(
    [locked, lockPath, told.pid, told.label, told.alive],
    [true, lockFile(dir), holder.pid, 'a', true]
  )
  await holder.kill()
  t.deepEqual(JSON.parse((await sqlock(t, 'status', '--json', dir)).stdout), {
    locked: false,
    lockPath: lockFile(dir),
    holder: null
  })
})

test('the text that a killed holder has left is nobody', async t => {
  const dir = tmpDir(t)
  await (await spawnHolder(t, dir)).kill()
  t.is((await sqlock(t, 'status', dir)).code, 0)
})

posix('text')(
  'a holder whose text names no process is told as such, and text of others moves no cursor',
  async t => {
    const dir = tmpDir(t)
    await openLocker(t, dir).acquire()
    writeFileSync(lockFile(dir), 'mine')
    t.true((await sqlock(t, 'status', dir)).stdout.includes('a process that db.lock does not name'))
    writeFileSync(lockFile(dir), `pid:${process.pid}\nlabel:a\u001b[2Jb\n`)
    const { stdout } = await sqlock(t, 'status', dir)
    t.true(stdout.includes('"a'), stdout)
    t.false(stdout.includes('\u001b'))
  }
)

test('--watch tells each change in a line of its own, until a signal ends it', async t => {
  const dir = tmpDir(t)
  const watch = start(t, 'status', '--watch', dir)
  t.regex((await watch.line()) ?? '', /^\d{4}-.*Z free /)
  const holder = await spawnHolder(t, dir, { label: 'first' })
  t.true((await watch.line())?.includes(`pid ${holder.pid}, "first"`))
  holder.tell('release')
  t.true((await watch.line())?.includes(' free '))
  watch.child.kill('SIGINT')
  t.is(await watch.ended(), 'SIGINT')
  t.is(watch.stderr, '')
})

test('--watch with --json tells each change as an object', async t => {
  const dir = tmpDir(t)
  const watch = start(t, 'status', '--watch', '--json', dir)
  t.is(JSON.parse((await watch.line()) ?? '').locked, false)
  const holder = await spawnHolder(t, dir)
  const { at, locked, holder: told } = JSON.parse((await watch.line()) ?? '')
  t.deepEqual([typeof at, locked, told.pid], ['string', true, holder.pid])
})

test('--watch ends without a word when its reader leaves', async t => {
  const dir = tmpDir(t)
  const watch = start(t, 'status', '--watch', dir)
  await watch.line()
  watch.child.stdout?.destroy()
  await openLocker(t, dir).acquire()
  t.is(await watch.ended(), 141)
  t.is(watch.stderr, '')
})

if (has('python3')) {
  test('on a terminal --watch keeps one line up to date', async t => {
    const dir = tmpDir(t)
    const watch = onTerminal(t, { NO_COLOR: '1' }, process.execPath, PROGRAM, 'status', '--watch', dir)
    let seen = ''
    const shows = async (text: string) => {
      for await (const data of watch.child.stdout!) if ((seen += data).includes(text)) return
    }
    await shows(`free ${lockFile(dir)}`)
    t.true(seen.startsWith('\r\u001b[K'))
    t.false(seen.includes('\n'))
  })

  test('colour is for terminals that want it', async t => {
    const dir = tmpDir(t)
    const green = '\u001b[32mfree'
    for (const [env, coloured] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
      [{ TERM: 'dumb' }, false]
    ] as const) {
      const line = await onTerminal(t, env, process.execPath, PROGRAM, 'status', dir).line()
      t.is(line?.startsWith(green), coloured, line)
    }
    t.false((await sqlock(t, 'status', dir)).stdout.includes('\u001b'))
  })
}

test('what is no directory is told with the directory to give, exit code 66', async t => {
  const dir = tmpDir(t)
  const missing = await sqlock(t, 'status', join(dir, 'no'))
  t.deepEqual([missing.code, missing.stderr.includes(join(dir, 'no'))], [66, true])
  writeFileSync(join(dir, 'app.db'), '')
  const file = await sqlock(t, 'status', join(dir, 'app.db'))
  t.deepEqual([file.code, file.stderr.endsWith(`its directory is ${dir}\n`)], [66, true], file.stderr)
})
