/** `sqlock exec`: a command under the lock. */
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { mustBlock } from './helpers/block.ts'
import { has, run, spawnHolder } from './helpers/child.ts'
import { PROGRAM, onTerminal, sqlock, start } from './helpers/cli.ts'
import { posix } from './helpers/posix.ts'
import { lockFile, lockText, openLocker, tmpDir } from './helpers/tmp.ts'

/** Says that it is there, with the pid of its parent, then which signals it gets, until SIGTERM or the end of its input. */
const LISTENER = `
  for (const name of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.on(name, () => console.log(name));
  process.on('SIGTERM', () => { console.log('SIGTERM'); process.exit(3) });
  process.stdin.resume().on('end', () => process.exit(4));
  console.log('ready', process.ppid)`
const listener = [process.execPath, '-e', LISTENER]

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function startListener(t: ExecutionContext, dir: string) {
  const running = start(t, 'exec', dir, '--', ...listener)
  t.is(await running.line(), `ready ${running.child.pid}`)
  return running
}

posix('tools')('the lock is held while the command runs, and free when it has ended', async t => {
  const dir = tmpDir(t)
  const running = start(t, 'exec', '--label', 'copying', dir, '--', 'sh', '-c', 'echo ready; cat')
  t.is(await running.line(), 'ready')
  t.is(await openLocker(t, dir).tryAcquire(), null)
  const { holder } = await openLocker(t, dir).status()
  t.deepEqual([holder?.pid, holder?.label], [running.child.pid, 'copying'])
  running.child.stdin!.end('from our stdin\n')
  t.is(await running.line(), 'from our stdin')
  t.is(await running.ended(), 0)
  t.true((await openLocker(t, dir).acquire(0)).held)
})

/** A command that waits for the lock, and prints that it is done. */
const waiting = (t: ExecutionContext, dir: string) =>
  mustBlock(t, start(t, 'exec', '--timeout', 'Infinity', dir, '--', 'echo', 'done').line())

test('it waits for its turn with --timeout Infinity', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  await locker.acquire()
  const unblocked = await waiting(t, dir)
  await locker.unlock()
  t.is(await unblocked(), 'done')
})

test('on a timeout the command is not run, the holder is told, and the exit code is 75', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir, { label: 'nightly import' })
  const { code, stdout, stderr } = await sqlock(t, 'exec', '--timeout', '20', dir, '--', 'echo', 'run')
  t.is(code, 75)
  t.is(stdout, '')
  t.true(stderr.includes('within 20 ms'), stderr)
  t.true(stderr.includes(`held by pid ${holder.pid}, "nightly import"`), stderr)
})

test('a holder that is killed lets the waiting command in', async t => {
  const dir = tmpDir(t)
  const holder = await spawnHolder(t, dir)
  const unblocked = await waiting(t, dir)
  await holder.kill()
  t.is(await unblocked(), 'done')
})

posix('tools')(
  'the exit code is that of the command, 128+n for a signal, 126 and 127 when it cannot be run',
  async t => {
    const dir = tmpDir(t)
    writeFileSync(join(dir, 'plain'), 'not a program')
    for (const [command, expected, said] of [
      [['sh', '-c', 'exit 7'], 7, ''],
      [['sh', '-c', 'kill -9 $$'], 128 + constants.signals.SIGKILL, ''],
      [['no-such-program'], 127, 'sqlock: no-such-program cannot be run: '],
      [[join(dir, 'plain')], 126, 'cannot be run: ']
    ] as const) {
      const { code, stderr } = await sqlock(t, 'exec', dir, '--', ...command)
      t.is(code, expected)
      t.true(said ? stderr.includes(said) : stderr === '', stderr)
      t.is(lockText(dir), '')
    }
  }
)

posix('tools')('what stands behind -- is the command, options and a further -- included', async t => {
  const { stdout } = await sqlock(t, 'exec', tmpDir(t), '--', 'echo', '--help', '--timeout', '--', 'a b')
  t.is(stdout, '--help --timeout -- a b\n')
})

posix('signals')('signals are passed on, and sqlock ends when the command does', async t => {
  const dir = tmpDir(t)
  const running = await startListener(t, dir)
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGTERM'] as const) {
    running.child.kill(signal)
    t.is(await running.line(), signal)
  }
  t.is(await running.ended(), 3)
  t.is(running.stderr, '')
  t.is(lockText(dir), '')
})

/** No handler gets these, or they tell of a fault of sqlock itself. */
const NOT_PASSED_ON = ['SIGKILL', 'SIGSTOP', 'SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP']
/** These end no sqlock, by default or since Node ignores them. */
const HARMLESS = 'SIGCHLD SIGCONT SIGTSTP SIGTTIN SIGTTOU SIGURG SIGWINCH SIGPIPE SIGXFSZ SIGINFO'.split(' ')
const OTHERS = new Set([...NOT_PASSED_ON, ...HARMLESS])
if (process.platform === 'darwin') OTHERS.add('SIGIO').add('SIGPROF')

for (const name of Object.keys(constants.signals) as NodeJS.Signals[]) {
  if (OTHERS.has(name)) continue
  test(`${name} that sqlock alone gets ends the command, and it has the lock until then`, async t => {
    const dir = tmpDir(t)
    const running = start(t, 'exec', dir, '--', 'sh', '-c', 'ulimit -c 0; echo $$; exec sleep 60')
    const pid = Number(await running.line())
    t.teardown(() => isAlive(pid) && process.kill(pid, 'SIGKILL'))
    running.child.kill(name)
    const [code] = await once(running.child, 'exit')
    t.is(code, 128 + constants.signals[name])
    t.false(isAlive(pid))
    // It was given back, and not only lost by the end of sqlock.
    t.is(lockText(dir), '')
  })
}

if (process.platform === 'linux') {
  // V8 takes its samples by SIGPROF.
  test('a profile of sqlock itself does not end the command', async t => {
    const dir = tmpDir(t)
    const args = ['--cpu-prof', `--cpu-prof-dir=${dir}`, PROGRAM, 'exec', dir, '--']
    // Lives for as long as its parent takes for some work, and so for many samples.
    const busy = 'for (let n = 0; n < 4e8; n++); console.log("done")'
    const { code, stdout } = await run(t, process.execPath, [...args, process.execPath, '-e', busy])
    t.deepEqual([code, stdout], [0, 'done\n'])
  })
}

test('a signal ends it while it waits for the lock', async t => {
  const dir = tmpDir(t)
  const locker = openLocker(t, dir)
  await locker.acquire()
  const running = start(t, 'exec', '--timeout', 'Infinity', dir, '--', 'echo', 'run')
  await mustBlock(t, running.line())
  running.child.kill('SIGTERM')
  t.is(await running.ended(), 'SIGTERM')
})

test('a grandchild that outlives us does not keep the lock', async t => {
  const dir = tmpDir(t)
  const { code, stdout } = await sqlock(
    t,
    'exec',
    dir,
    '--',
    'sh',
    '-c',
    'sleep 60 >/dev/null 2>&1 </dev/null & echo $!'
  )
  const pid = Number(stdout)
  t.teardown(() => process.kill(pid, 'SIGKILL'))
  t.is(code, 0)
  t.true(process.kill(pid, 0), 'it lives')
  t.true((await openLocker(t, dir).acquire(0)).held)
})

test('when sqlock is killed, the lock is free and the command goes on', async t => {
  const dir = tmpDir(t)
  const running = start(t, 'exec', dir, '--', 'sh', '-c', 'echo $$; exec sleep 60 >/dev/null 2>&1')
  const pid = Number(await running.line())
  t.teardown(() => process.kill(pid, 'SIGKILL'))
  running.child.kill('SIGKILL')
  t.is(await running.ended(), 'SIGKILL')
  t.true((await openLocker(t, dir).acquire(0)).held)
  t.true(process.kill(pid, 0), 'it lives')
})

if (process.platform === 'linux') {
  // Node makes a pipe that it opens as a stream non-blocking, and a program that does not expect that loses output.
  test('the pipes that the command inherits are as we have got them', async t => {
    const look = 'kill $!; cat /proc/self/fdinfo/1 /proc/self/fdinfo/2; exit'
    const command = `trap '${look}' USR1; sleep 60 & echo ready; wait`
    const running = start(t, 'exec', tmpDir(t), '--', 'sh', '-c', command)
    t.is(await running.line(), 'ready')
    // It is passed on by a sqlock that has done all it does before the command ends.
    running.child.kill('SIGUSR1')
    let stdout = ''
    for (let line = await running.line(); line !== undefined; line = await running.line())
      stdout += `${line}\n`
    const flags = [...stdout.matchAll(/^flags:\s*(\d+)/gm)].map(([, octal]) => Number.parseInt(octal!, 8))
    t.is(flags.length, 2)
    for (const flag of flags) t.is(flag & 0o4000, 0)
  })

  if (has('python3')) {
    test('Ctrl-C on a terminal reaches the command once', async t => {
      const dir = tmpDir(t)
      const terminal = onTerminal(t, {}, process.execPath, PROGRAM, 'exec', dir, '--', ...listener)
      const [, pid] = (await terminal.line())!.split(' ')
      terminal.child.stdin!.write('\u0003')
      t.true((await terminal.line())!.endsWith('SIGINT'))
      // sqlock has had its SIGINT before this one, and so would have passed it on before.
      process.kill(Number(pid), 'SIGTERM')
      t.is(await terminal.line(), 'SIGTERM')
      t.is(await terminal.ended(), 3)
    })
  }
}

test('a lock file that is none is an error of its own, not a timeout', async t => {
  const dir = tmpDir(t)
  mkdirSync(lockFile(dir))
  const { code, stderr } = await sqlock(t, 'exec', dir, '--', 'echo', 'run')
  t.is(code, 74)
  t.true(stderr.includes(lockFile(dir)), stderr)
})
