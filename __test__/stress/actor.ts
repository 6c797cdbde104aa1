/** A process that writes. It is told by lines of stdin, and answers by lines of stdout. */
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Peer } from '../helpers/peer.ts'

/** Far more than anything takes on a machine that is busy with other things. */
export const BOUND_MS = 15_000

/** Fails when `promise` has not settled by then. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing for ${BOUND_MS} ms`)), BOUND_MS)
  })
  try {
    return await Promise.race([promise, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

export class Actor {
  readonly name: string
  readonly peer: Peer
  /** Was it slow by what was done to it? */
  excused = false
  /** How many of its threads were terminated. */
  terminated = 0
  /** What it is made to end with; it goes on until its stdin ends. */
  fate: number | NodeJS.Signals = 0
  stderr = ''
  readonly #child: ChildProcess
  readonly #answers = new EventEmitter()
  readonly #ended: Promise<unknown>

  constructor(name: string, peer: Peer, args: string[], env: NodeJS.ProcessEnv) {
    this.name = name
    this.peer = peer
    const [program, ...first] = peer.command
    this.#child = spawn(program, [...first, ...args], { stdio: 'pipe', env: { ...process.env, ...env } })
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#answers.emit(line))
    this.#child.stderr!.on('data', data => (this.stderr += data))
    // Who has been killed hears nothing any more.
    this.#child.stdin!.on('error', () => {})
    this.#ended = once(this.#child, 'close')
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Waits until it says this, or has ended. */
  async says(line: string): Promise<void> {
    await within(Promise.race([once(this.#answers, line), this.#ended]), `${this.name} should say ${line}`)
  }

  /** Waits until it has done this, or has ended. */
  async does(what: string, much = 0): Promise<void> {
    const done = this.says(what)
    this.tell(what, much)
    await done
  }

  tell(what: string, much: number): void {
    this.#child.stdin!.write(`${what} ${much}\n`)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  stop(): void {
    this.#child.stdin!.end()
  }

  /** What was wrong about its end. */
  async ended(): Promise<string[]> {
    await within(this.#ended, `the end of ${this.name}`)
    const end = this.#child.exitCode ?? this.#child.signalCode
    const wrong = end === this.fate ? [] : [`${this.name} ended with ${end}, not with ${this.fate}`]
    return this.stderr ? [...wrong, `${this.name}: ${this.stderr}`] : wrong
  }
}
