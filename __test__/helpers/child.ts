/** Real other processes. Each is reaped when the test is over, whatever happens. */
import { type ChildProcess, type ForkOptions, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { isWindows } from './system.ts'
import { isThere } from './there.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))

/** A process that runs a fixture: says things by message, and does what it is told by message. */
export class Actor {
  readonly child: ChildProcess
  readonly #heard: unknown[] = []
  #wake: () => void = () => {}

  constructor(t: ExecutionContext, name: string, args: string[], options: ForkOptions = {}) {
    this.child = fork(fixture(name), args, { execArgv: [], ...options })
    this.child.on('message', message => {
      this.#heard.push(message)
      this.#wake()
    })
    // What it has said last may be heard after its end.
    this.child.on('exit', () => this.#wake())
    this.child.on('disconnect', () => this.#wake())
    t.teardown(async () => {
      if (!isWindows) this.child.kill('SIGCONT')
      await this.kill()
    })
  }

  get pid(): number {
    return this.child.pid as number
  }

  /** The next message; an error when the process has ended instead. */
  async says<T = unknown>(): Promise<T> {
    while (this.#heard.length === 0) {
      if (this.#hasEnded && !this.child.connected)
        throw new Error(`the process ended: ${this.child.exitCode ?? this.child.signalCode}`)
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.#heard.shift() as T
  }

  tell(message: string | object): void {
    this.child.send(message)
  }

  /** Ends it with `signal`, waits for that, and gives the exit code or the signal. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | string | null> {
    this.child.kill(signal)
    return this.ended()
  }

  async ended(): Promise<number | string | null> {
    if (!this.#hasEnded) await once(this.child, 'exit')
    return this.child.exitCode ?? this.child.signalCode
  }

  get #hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }
}

/** A process that holds the lock of `dir`; holds it when this resolves. */
export async function spawnHolder(t: ExecutionContext, dir: string, options: object = {}): Promise<Actor> {
  const holder = new Actor(t, 'holder.mjs', [dir, JSON.stringify(options)])
  await holder.says()
  return holder
}

/** The ids that writers have noted down. A kill may leave half of the last one. */
export function acknowledged(notes: string): number[] {
  return readFileSync(notes, 'utf8').split('\n').slice(0, -1).map(Number)
}

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  ms: number
}

/** Runs a program to its end. */
export async function run(
  t: ExecutionContext,
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}
): Promise<Outcome> {
  const start = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  t.teardown(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', data => (stdout += data))
  child.stderr.on('data', data => (stderr += data))
  const [code, signal] = await once(child, 'close')
  return { code, signal, stdout, stderr, ms: performance.now() - start }
}

/** Runs a script of a few lines in a Node process of its own; `sqlock` and `dir` are there. */
export function runScript(t: ExecutionContext, dir: string, script: string, env: NodeJS.ProcessEnv = {}) {
  return run(t, process.execPath, ['-e', prelude(dir) + script], { env: { ...process.env, ...env } })
}

export function prelude(dir: string): string {
  const index = fileURLToPath(new URL('../../index.js', import.meta.url))
  return `const { DB, WriteLocker, LockTimeout } = require(${JSON.stringify(index)}); const dir = ${JSON.stringify(dir)};\n`
}

/** Is this program on the machine? */
export const has = (command: string) =>
  isThere(spawnSync('sh', ['-c', `command -v ${command}`]).status === 0, `${command} is not installed`)
