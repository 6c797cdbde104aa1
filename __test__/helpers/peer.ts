/** Programs that keep the lock protocol in a language of their own: see peers/README.md. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ExecutionContext } from 'ava'
import { has } from './child.ts'

const source = (path: string) => fileURLToPath(new URL(`../peers/${path}`, import.meta.url))
const target = fileURLToPath(new URL('../../target', import.meta.url))
// Times of local clocks are told with an offset that is none of a machine on UTC.
const env = { ...process.env, TZ: 'Asia/Kolkata' }

export interface Peer {
  language: string
  command: [string, ...string[]]
  compile?: { command: [string, ...string[]]; env?: NodeJS.ProcessEnv }
}

const python: Peer = { language: 'Python', command: ['python3', source('python/peer.py')] }

const go: Peer = {
  language: 'Go',
  command: [`${target}/peers/go`],
  compile: {
    command: ['go', 'build', '-buildvcs=false', '-o', `${target}/peers/go`, '.'],
    // Its SQLite comes as source: without optimisation it takes seconds, not a minute.
    env: { CGO_ENABLED: '1', CGO_CFLAGS: '-O0' }
  }
}

const rust: Peer = {
  language: 'Rust',
  command: [`${target}/debug/sqlock-peer`],
  compile: { command: ['cargo', 'build', '--quiet', '--locked', '--target-dir', target] }
}

/** Those for which the machine has the tool. */
export const foreign = [
  ...(has('python3') ? [python] : []),
  ...(has('go') ? [go] : []),
  ...(has('cargo') ? [rust] : [])
]
export const sqlock: Peer = { language: 'sqlock', command: [process.execPath, source('sqlock.mjs')] }

/** Compiles what has changed since it was compiled. */
export async function compilePeers(t: ExecutionContext): Promise<void> {
  t.timeout(600_000, 'with nothing in the caches two SQLites are compiled')
  await compile(text => t.log(text))
}

export async function compile(log: (text: string) => void): Promise<void> {
  mkdirSync(`${target}/peers`, { recursive: true })
  const compiling = foreign.map(async ({ language, compile }) => {
    if (!compile) return
    const [command, ...args] = compile.command
    const cwd = source(language.toLowerCase())
    const start = performance.now()
    await promisify(execFile)(command, args, { cwd, env: { ...process.env, ...compile.env } })
    log(`${language}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  })
  await Promise.all(compiling)
}

/** A process that runs one of the commands. */
export class PeerProcess {
  readonly #child
  readonly #lines: AsyncIterator<string>
  readonly #ended
  #stderr = ''

  constructor(t: ExecutionContext, { command }: Peer, ...args: string[]) {
    const [program, ...first] = command
    this.#child = spawn(program, [...first, ...args], { stdio: 'pipe', env })
    this.#child.stderr.on('data', data => (this.#stderr += data))
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.#ended = once(this.#child, 'close')
    t.teardown(() => this.kill())
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Its next line; an error when it has ended instead. */
  async says(): Promise<string> {
    const { value } = await this.#lines.next()
    if (value === undefined) throw new Error(`the process ended: ${this.#stderr}`)
    return value
  }

  /** What it tells last, when it has ended. */
  async reports(): Promise<any> {
    const report = JSON.parse(await this.says())
    await this.#ended
    return report
  }

  /** Lets it go on from where it has stopped. */
  goOn(): void {
    this.#child.stdin.end()
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
