/**
 * I7: whatever is given to whatever call, it succeeds or fails with a typed error, settles, and leaves nothing half done. Random
 * calls with arguments that are right, nearly right, and of every other kind.
 */
import { join } from 'node:path'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import fc from 'fast-check'
import { DB, SqliteError, SqlockError, WriteLocker } from '../index.js'
import { CallersError } from './helpers/anything.ts'
import { type Call, SYNCHRONOUS, call } from './helpers/calls.ts'
import { lasting } from './helpers/property.ts'
import { seedOf } from './helpers/seed.ts'
import { tmpDir } from './helpers/tmp.ts'

/** `SQLOCK_RUNS=20000` looks for longer. */
const RUNS = Number(process.env.SQLOCK_RUNS ?? 120)
const MS_PER_RUN = 40
/** When everything is let go of, what has not settled by then never will. */
const HANGS_MS = 20_000

/** Is this what a caller may be told? */
function isTyped(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, name, message } = error as Error & { code?: unknown }
  if (error instanceof SqlockError) return String(code).startsWith('ERR_SQLOCK_')
  if (error instanceof SqliteError) return String(code).startsWith('SQLITE_')
  if (error instanceof CallersError || name === 'TimeoutError' || name === 'AbortError') return true
  if (!(error instanceof TypeError || error instanceof RangeError)) return false
  // Node has a code too for what does not fit a buffer; a value that comes so far was not checked.
  if (/node:internal\/buffer/.test(error.stack ?? '')) return false
  // The engine throws that itself wherever such an object is touched.
  return /^ERR_[A-Z]/.test(String(code)) || /revoked/.test(message)
}

/** Waits for what has to come to an end. */
async function inTime(work: Promise<void>): Promise<void> {
  const watchdog = new AbortController()
  const hang = delay(HANGS_MS, 'hang', { signal: watchdog.signal }).catch(() => {})
  if ((await Promise.race([work, hang])) === 'hang') throw new Error('something never settles')
  watchdog.abort()
}

class Run {
  readonly #t: ExecutionContext
  readonly #db: DB
  readonly #objects: Record<string, any[]>
  readonly #promises: Promise<void>[] = []
  readonly #rejected: number[] = []

  constructor(t: ExecutionContext, db: DB) {
    this.#t = t
    this.#db = db
    this.#objects = {
      DB: [db],
      WriteLocker: [new WriteLocker('.')],
      Statement: [db.prepare('SELECT n, ? AS a FROM log')],
      constructors: [{ DB: (...args: any[]) => new (DB as any)(...args), WriteLocker: (...args: any[]) => new (WriteLocker as any)(...args) }] // prettier-ignore
    }
  }

  /** Makes a call on the newest of what it is a method of, if there is one. */
  call({ of, method, args }: Call, number: number): void {
    const object = this.#objects[of]?.at(-1)
    if (!object) return
    const shown = () => `${of}.${method}(${args.map(argument => argument[fc.toStringMethod]()).join(', ')})`
    const failed = (error: any) => {
      this.#t.true(isTyped(error), `${shown()}: ${error?.stack ?? String(error)}`)
      // What runs under a transaction of its own is rolled back with it, if at all; migrations stand alone.
      if (of !== 'Transaction' && !['withWriteLock', 'withLock', 'migrate'].includes(method))
        this.#rejected.push(number)
    }
    const values = args.map(argument => argument.make(number))
    try {
      const result = object[method](...values)
      if (SYNCHRONOUS.test(method) || method === 'iterateAsync') this.#keep(result, failed)
      else this.#promises.push(result.then((result: unknown) => this.#keep(result, failed), failed))
    } catch (error) {
      this.#t.regex(method, SYNCHRONOUS, `${shown()} threw instead of rejecting: ${error}`)
      failed(error)
    }
  }

  /** Later calls are made on what calls have given. */
  #keep(result: any, failed: (error: unknown) => void): void {
    const name = result?.constructor?.name
    if (['DB', 'WriteLocker', 'Statement', 'Transaction', 'LockGuard'].includes(name))
      (this.#objects[name] ??= []).push(result)
    else if (typeof result?.next === 'function') this.#promises.push(this.#walk(result).catch(failed))
  }

  async #walk(iterator: any): Promise<void> {
    for (let n = 0; n < 3; n++) await iterator.next()
    await iterator.return?.()
  }

  /** Waits for what was called, unless that waits for something that is held. */
  async forAWhile(): Promise<void> {
    await Promise.race([Promise.all(this.#promises), delay(5)])
  }

  /** Lets go of all that is held, and waits for all that was called. */
  async end(): Promise<void> {
    const ended = this.#settled()
    do await this.#letGo()
    while ((await Promise.race([ended, delay(1, 'not yet')])) === 'not yet')
    await this.#letGo()
    for (const db of this.#objects.DB!) if (db !== this.#db) await db.close()
  }

  async #settled(): Promise<void> {
    for (let n = 0; n < this.#promises.length; n++) await this.#promises[n]
  }

  async #letGo(): Promise<void> {
    for (const guard of this.#objects.LockGuard ?? []) await guard.release()
    for (const transaction of this.#objects.Transaction ?? []) await transaction.rollback()
  }

  /** Rejected calls that have left something. */
  leftBy(db: DB): number[] {
    return this.#rejected.filter(number => db.get('SELECT 1 FROM log WHERE n = ?', number))
  }
}

test.serial(
  'any call with any arguments succeeds or fails with a typed error, and nothing is half done',
  async t => {
    t.timeout(RUNS * MS_PER_RUN + 60_000)
    const unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', note)
    t.teardown(() => process.off('unhandledRejection', note))
    const cwd = process.cwd()
    t.teardown(() => process.chdir(cwd))
    let runs = 0
    const calling = lasting(async (calls: Call[]) => {
      runs++
      const dir = tmpDir(t)
      // Whatever is taken for a relative path stays in there.
      process.chdir(dir)
      const path = join(dir, 'app.db')
      const db = new DB(path, { timeout: 30 })
      await db.exec('CREATE TABLE log (n)')
      const run = new Run(t, db)
      for (const [number, one] of calls.entries()) {
        run.call(one, number)
        if (number % 4 === 3) await run.forAWhile()
      }
      await inTime(run.end())
      await inTime(db.close())
      await setImmediate()
      t.deepEqual(unhandled, [])

      const again = new DB(path)
      t.deepEqual(run.leftBy(again), [], 'rejected calls have left something')
      await again.run('INSERT INTO log VALUES (-1)')
      t.is(again.pragma('integrity_check', { simple: true }), 'ok')
      t.false((await again.lockStatus()).locked)
      await again.close()
    })
    const property = fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 24, size: 'max' }),
      calling.check
    )
    await fc.assert(property, {
      seed: seedOf(t),
      numRuns: RUNS,
      interruptAfterTimeLimit: RUNS * MS_PER_RUN,
      markInterruptAsFailure: false,
      endOnFailure: true,
      includeErrorInReport: true
    })
    await calling.ended()
    t.log(`${runs} runs`)
  }
)
