/** The program `sqlock`, as a process of its own. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { run } from './child.ts'

export const PROGRAM = fileURLToPath(new URL('../../cli/sqlock.js', import.meta.url))

/** Runs `sqlock …args` to its end. */
export const sqlock = (t: ExecutionContext, ...args: string[]) => run(t, process.execPath, [PROGRAM, ...args])

/** A program that goes on, and is read line by line. */
export class Running {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #exit: Promise<unknown[]>
  stderr = ''

  constructor(t: ExecutionContext, command: string, args: string[], options: SpawnOptions = {}) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options })
    this.#exit = once(this.child, 'close')
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
    this.child.stderr!.on('data', data => (this.stderr += data))
    t.teardown(async () => {
      this.child.kill('SIGKILL')
      // What it has started may live on, and ends with its input.
      this.child.stdin!.destroy()
      await this.#exit
    })
  }

  /** The next line of stdout; undefined when there are no more. */
  async line(): Promise<string | undefined> {
    return (await this.#lines.next()).value
  }

  async ended(): Promise<number | string | null> {
    await this.#exit
    return this.child.exitCode ?? this.child.signalCode
  }
}

/** `sqlock …args`, to be watched while it runs. */
export const start = (t: ExecutionContext, ...args: string[]) =>
  new Running(t, process.execPath, [PROGRAM, ...args])

/** Runs a command on a terminal of its own, whose output is our stdout and whose keys our stdin; ends with its exit code. */
export const onTerminal = (t: ExecutionContext, env: NodeJS.ProcessEnv, ...command: string[]) => {
  const program =
    'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 9999))))'
  return new Running(t, 'python3', ['-c', program, ...command], {
    env: { ...process.env, NO_COLOR: '', TERM: 'xterm', ...env }
  })
}
