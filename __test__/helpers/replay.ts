/** Writes one after the other, on another SQLite in another process: what is expected of writes that go together. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'

export interface Statement {
  sql: string
  params: (number | string | null)[]
}
/** A call of a DB. */
export type Write =
  | { do: 'createRecord'; name: string; value: number }
  | { do: 'updateRecord'; id: number; value: number }
  | ({ do: 'run' } & Statement)
  | { do: 'batch'; items: Statement[] }
/** Writes that go together, unless the function that issues them fails at its end. */
export type Together = { do: 'transaction'; writes: (Write | Together)[]; fails: boolean }
/** Also: writes under a hold, each of them by itself. */
export type Step = Write | Together | { do: 'withWriteLock'; writes: Write[] }

/** What a promise came to. */
export type Outcome = { value: unknown } | { code: string; statementIndex: number | null }

export interface Tables {
  schema: unknown
  tables: unknown
  pragmas: { integrity_check: [[string]]; foreign_key_check: [] }
}

/** A process that answers one job after the other: see fixtures/replay.py. */
export class Replayer {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>
  #stderr = ''

  constructor(t: ExecutionContext) {
    const program = fileURLToPath(new URL('../fixtures/replay.py', import.meta.url))
    this.#child = spawn('python3', [program], { stdio: 'pipe' })
    this.#child.stderr?.on('data', data => (this.#stderr += data))
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
    const ended = once(this.#child, 'close')
    t.teardown(() => {
      this.#child.kill('SIGKILL')
      return ended
    })
  }

  /** Runs the statements of `schema`, then each step by itself. */
  replay(schema: string[], steps: Step[]): Promise<Tables & { outcomes: Outcome[] }> {
    return this.#ask({ schema, steps })
  }

  /** What is in a file. */
  tables(path: string): Promise<Tables> {
    return this.#ask({ path })
  }

  async #ask<T>(job: object): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(job)}\n`)
    const { value } = await this.#answers.next()
    if (value === undefined) throw new Error(`the replay has ended: ${this.#stderr}`)
    return JSON.parse(value) as T
  }
}
