/** better-sqlite3, in another process: a second SQLite library in this one would endanger the locks of the first. */
import { existsSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import type { IntegerMode } from '../../index.js'
import { Actor } from './child.ts'
import { isThere } from './there.ts'

/** Turns `pluck` and `raw` on and off. */
export type Forms = ['pluck' | 'raw', boolean][]
export interface Request {
  /** Is it for exec()? */
  isScript: boolean
  sql: string
  params: unknown[]
  forms: Forms
  /** How sqlock is asked for the INTEGERs, and by what call for the rows of a write. */
  mode: IntegerMode
  returned: 'run' | 'getAsync' | 'allAsync'
}
export interface Failure {
  name: string
  code?: string
  message: string
}
export type Outcome<T> = { value: T } | { error: Failure }
export interface Column {
  name: string
  column: string | null
  table: string | null
  database: string | null
  type: string | null
}
export interface Description {
  reader: boolean
  readonly: boolean
  columns: Column[] | null
}
/** An object that came as a row, since not every key survives the way from another process. */
export interface Keyed {
  keys: string[]
  values: unknown[]
}

export const isKeyed = (row: any): row is object =>
  typeof row === 'object' && row !== null && !Array.isArray(row) && !Buffer.isBuffer(row)

/** INTEGERs are bigints. */
export interface Read {
  rows: unknown[]
  /** The same as arrays. */
  raw: unknown[][]
}
export interface Written extends Read {
  changes: number
  lastInsertRowid: number | bigint
}
export interface Answer {
  done?: Outcome<undefined>
  prepared?: Outcome<Description>
  reads?: Record<'all' | 'get' | 'iterate', Outcome<Read>>
  written?: Outcome<Written>
}

/** The binary is compiled when version 12 is installed, and comes with the package of version 13. */
const binaries = { 'better-sqlite3': 'build', 'better-sqlite3-13': 'prebuilds' }

/** Is better-sqlite3 there, in the version that SQLOCK_BETTER_SQLITE3 names? */
export const hasBetter = (name = process.env.SQLOCK_BETTER_SQLITE3 ?? 'better-sqlite3') =>
  isThere(
    existsSync(
      new URL(`../../bench/node_modules/${name}/${binaries[name as keyof typeof binaries]}`, import.meta.url)
    ),
    `${name} is not installed: npm ci --prefix bench`
  )

/** A process that answers lists of steps, each on an empty database: see fixtures/better.mjs. */
export class Better {
  readonly #actor: Actor

  constructor(t: ExecutionContext) {
    this.#actor = new Actor(t, 'better.mjs', [], { serialization: 'advanced' })
  }

  answer(requests: Request[]): Promise<Answer[]> {
    this.#actor.tell(requests)
    return this.#actor.says<Answer[]>()
  }
}
