/**
 * The seam between an engine and the rooms that all engines share: api, scope, write and base. They know an engine by these types
 * alone, and get it from index.js. `npm run lint` checks both sides of the seam against them.
 *
 * What fails throws or rejects with a failure, see lib/base/failures.js, or with an error. Durations are ms. 0 stands for no hold
 * and for no transaction.
 */
import type { BackupOptions, CheckpointResult, Int, IntegerMode, LockStatus, SqlValue } from '../index.d.ts'
import type { Watch } from './base/abort.js'
import type { Bytes } from './base/bytes.js'

export interface Engine {
  /** The version of the database software. */
  readonly version: string
  open(path: string, options: FileOptions): Database
  lock(baseDir: string, options: LockFileOptions): Lock
}

export interface LockFileOptions {
  label?: string
  mode?: number
}

/** Checked options of a database file, see lib/api/options.js. */
export interface FileOptions {
  readonly: boolean
  fileMustExist: boolean
  readers: number
  busyTimeoutMs: number
  synchronousFull: boolean
  foreignKeys: boolean
  pageSize?: number
  autoVacuum?: 'NONE' | 'FULL' | 'INCREMENTAL'
  lock: LockFileOptions
}

export type HoldId = number
export type TransactionNumber = number

export interface Lock {
  readonly lockPath: string
  /** A number that tells the directory at that path now from others of this process. */
  directory(): number
  /** The same of a hold; null when the hold is gone. */
  directoryOf(hold: HoldId): number | null
  /** One attempt, which never waits. With `politely` none is made while the lock is left to other processes. */
  tryAcquire(politely: boolean): HoldId | null
  /** A wait after an attempt that was refused. */
  wait(): Wait
  /** Gives a hold back, at once. Nothing happens when it is gone. */
  release(hold: HoldId): void
  /** The event loop of this thread is not blocked. */
  beat(): void
  status(): Promise<LockStatus>
}

export interface Cancellable {
  /** Its promise rejects with a failure of kind `cancelled`, unless it has ended. */
  cancel(): void
}

export interface Wait extends Cancellable {
  /** Enters the queue of the lock. */
  start(timeoutMs: number): Promise<HoldId>
}

export interface Database {
  readonly path: string
  readonly walPath: string
  readonly lock: Lock
  readonly reader: Reader
  newEncoder(): Encoder
  /** Throws when the database was opened for reading only. */
  checkWritable(): void
  isFileOf(other: Database): boolean
  /** May a transaction begin with its first write or read? If not, its first step is `begin`. */
  isPrepared(): boolean
  /** Begins a transaction for a plain read, unless it has begun. Must not take more than a moment. */
  beginAtOnce(hold: HoldId | null, transaction: TransactionNumber): void
  /**
   * Submits a batch of writes: under a hold and in a transaction, or into the queue of the lock. The bytes are copied. A transaction
   * that has not begun begins with it; if it cannot, every write of the batch has failed.
   */
  write(batch: {
    hold?: HoldId
    transaction?: TransactionNumber
    timeoutMs?: number
    statements: string[]
    bytes: Uint8Array
  }): Submission
  /** The rows that a write has returned. */
  rows(returned: Returned, plan: Plan): Promise<unknown[]>
  describe(transaction: TransactionNumber, sql: string): Description
  /** May this text be given to a plain read? undefined: that cannot be told without a wait. */
  isPlain(sql: string): boolean | undefined
  /** The statement that a pragma is. Throws if it is none, or not one for a read. */
  pragmaStatement(source: string): string
  checkpoint(mode: string, options: { hold?: HoldId; signal?: Watch }): Promise<CheckpointResult>
  backup(destination: string, options: BackupOptions & { signal?: Watch }): Promise<{ totalPages: number }>
  /** Tells of the commits that are made from now on. */
  changes(): Changes
  /** How commits are noticed; null while nobody is told. */
  readonly changesSource: 'inotify' | 'poll' | null
  /** Ends all that tells of commits. */
  endChanges(): void
  close(): Promise<void>
}

/** Tells of commits by anybody, one after another. A commit between two calls of next() ends the second one. */
export interface Changes {
  /** null: no commit will be told of any more. It keeps the process alive as long as it is pending. */
  next(intervalMs: number): Promise<'commit' | 'interval' | null>
  /** Ends it, and the next() that is pending. */
  end(): void
}

/** A statement with its values, see lib/api/parameters.js. */
export interface BoundStatement {
  sql: string
  positional: Value[]
  names: string[]
  named: Value[]
}
export type Value = null | number | bigint | string | Bytes

/** A read: a statement, how INTEGERs come, and as what a row comes. */
export interface Plan {
  statement: BoundStatement
  mode: IntegerMode
  form: 'object' | 'raw' | 'pluck'
}

/** Puts writes down in the form that `Database.write` takes. */
export interface Encoder {
  /** How many bytes there are. */
  readonly length: number
  /** The SQL texts, each once. */
  readonly statements: string[]
  bytesFrom(length: number): Uint8Array
  /** The texts that were used since this was last asked, each once. */
  takeUsed(): string[]
  /** Puts down all that `encode` does, or, when it throws, nothing. */
  put(encode: (encoder: Encoder) => void): void
  createRecord(name: string, value: number | bigint): void
  updateRecord(id: number | bigint, value: number | bigint): void
  run(statement: BoundStatement): void
  /** Like run, and the rows that it returns are wanted; with `first` only the first. */
  query(plan: Plan, first: boolean): void
  /** All of these or nothing. */
  all(statements: BoundStatement[]): void
  exec(sql: string): void
  control(step: Step): void
}

/** The steps of a transaction; `undo` rolls back a savepoint and releases it. */
export type Step =
  'begin' | 'beginWithoutForeignKeys' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'undo'

/** A batch that was submitted. */
export interface Submission extends Cancellable {
  /** Sends a worker for one attempt. Resolves to null when the lock was taken: `overtake` is to follow. */
  run(): Promise<Outcomes | null>
  /** Resolves to the outcomes of the next writes, whichever thread runs them. */
  overtake(): Promise<Outcomes>
  /** Was it refused the lock, and does it wait since? */
  waiting(): boolean
  /** Adds writes while it waits for the lock; false when it does not wait. */
  append(statements: string[], bytes: Uint8Array): boolean
}

/** What came of the writes of a batch that are done. */
export interface Outcomes {
  /** Of each write: the rows that it has changed, and the rowid that it has inserted, or NaN where `bigints` has it. */
  changes: ArrayLike<number>
  rowids: ArrayLike<number>
  /** These three are undefined if there are none. */
  bigints?: readonly { index: number; value: bigint }[]
  failures?: readonly { index: number; failure: any }[]
  returned?: readonly { index: number; rows: Returned }[]
  commits: number
  /** Has the engine rolled back the transaction by itself? */
  rolledBack: boolean
  /** How long the batch waited for the lock and held it; undefined under a hold. */
  waitMs?: number
  holdMs?: number
  /** What giving the lock back has failed with. */
  warning?: unknown
}

/** Rows in the form of the engine. */
export interface Returned {
  columns: string[]
  copy(): Returned
  equals(other: Returned): boolean
}

export interface Description {
  /** May it be given to a plain read? */
  plain: boolean
  readonly: boolean
  columns: {
    name: string
    column: string | null
    table: string | null
    database: string | null
    type: string | null
  }[]
}

/** Reads. The plain ones run on the calling thread. */
export interface Reader {
  first(transaction: TransactionNumber, plan: Plan): unknown
  all(transaction: TransactionNumber, plan: Plan): unknown[]
  iterate(plan: Plan): IterableIterator<unknown>
  iterateAsync(plan: Plan, signal?: Watch): AsyncIterableIterator<unknown>
  /** The rows, or only the first, in the form of the engine. */
  allAsync(plan: Plan, first: boolean, signal?: Watch): Promise<Returned>
  /** Ends what iterates. */
  close(): void
  /** Resolves when no read is under way. */
  drained(): Promise<void>
}
