/// <reference types="node" />

// One rule explains the whole surface: reads are plain, writes are awaited.
//
// Durations are milliseconds, sizes bytes, instants ISO-8601 UTC strings. A method that returns a Promise or an async iterator
// never throws synchronously: the Promise, or the first `next()`, rejects. Bad arguments are a TypeError or RangeError that names the
// argument and its type, and never shows its value; unknown option names are a TypeError.

/** A value as it is read back. A BLOB is a Buffer that owns its memory; invalid UTF-8 in a TEXT, or in a name, comes as U+FFFD. */
export type SqlValue = null | number | bigint | string | Buffer

/**
 * A value to bind. A number that is a safe integer (not -0) binds as INTEGER, any other one as REAL; NaN, which SQLite would
 * store as NULL, and whole numbers from 2^53 up to 2^63 in size, which may have lost digits, are a RangeError: use a bigint.
 * A boolean binds as 0 or 1. undefined, Date, other objects and lone surrogates are a TypeError.
 *
 * Bytes are taken as they are at the call: what happens to their memory later changes nothing. Bytes whose memory is gone, since
 * their ArrayBuffer was transferred or has shrunk, are a TypeError; a value of more than 1,000,000,000 bytes is a RangeError.
 */
export type SqlInput = null | number | bigint | string | boolean | NodeJS.ArrayBufferView | ArrayBuffer

/**
 * Parameters by name; a name may carry its prefix (`:id`, `@id`, `$id`). A missing name is a RangeError that says which;
 * further names are ignored, so a whole row object may be passed.
 */
export type NamedParams = Record<string, SqlInput>

/** `run(sql, 1, 'a')`, `run(sql, [1, 'a'])`, `run(sql, { id: 1 })` or `run(sql, 1, { b: 2 })`: named ones last. */
export type Params = [] | [readonly SqlInput[]] | [NamedParams] | SqlInput[] | [...SqlInput[], NamedParams]

/** SQL with options, wherever a text is taken. */
export interface Query extends AcquireOptions {
  sql: string
  params?: readonly SqlInput[] | NamedParams
}

/** A row that was read: its columns by name. */
export type Row = Record<string, SqlValue>

/** SQL with options, and how its rows come, where they are read off the event loop. */
export interface ReadQuery extends Query {
  /** Rows as arrays: for columns of the same name. Default false. */
  raw?: boolean
  /** How INTEGERs come. Default: as those of the DB. */
  integers?: IntegerMode
}

/** A statement of a batch. */
export type BatchItem = string | Pick<Query, 'sql' | 'params'>

/** What a write did. */
export interface RunResult<M extends IntegerMode = 'number'> {
  /** Rows changed by the statement itself, triggers excluded; 0 for what is no INSERT, UPDATE or DELETE. */
  changes: number
  /**
   * Rowid of the last row that this statement inserted; 0 when it inserted none. One beyond ±(2^53 - 1) comes as a bigint in
   * every mode: the write is committed and cannot be refused any more.
   */
  lastInsertRowid: Int<M>
}

/** What any statement did, and its rows. */
export interface ExecuteResult<T = Row, M extends IntegerMode = 'number'> extends RunResult<M> {
  /** The names of its columns, in their order; none for a statement that returns no rows. */
  columns: string[]
  rows: T[]
}

/**
 * How INTEGER values come back:
 * - `'number'` (default): a RangeError `ERR_OUT_OF_RANGE` outside ±(2^53 - 1); never rounded. A write with RETURNING is
 *   refused before it is committed
 * - `'bigint'`: always a bigint
 * - `'auto'`: a number where that is exact, else a bigint
 */
export type IntegerMode = 'number' | 'bigint' | 'auto'

/** An INTEGER in an {@link IntegerMode}. */
export type Int<M extends IntegerMode> = M extends 'number'
  ? number
  : M extends 'bigint'
    ? bigint
    : number | bigint

// ---------------------------------------------------------------------------------------------------- errors

/** The codes of {@link SqlockError}. They change only in a major version; messages may change at any time. */
export type SqlockErrorCode =
  /** The write lock was not granted in time, see {@link LockTimeout}. */
  | 'ERR_SQLOCK_TIMEOUT'
  /** `acquire()` on a WriteLocker that already holds the lock. */
  | 'ERR_SQLOCK_HELD'
  /** A transaction was used after it had ended; `cause` tells why, when SQLite ended it. */
  | 'ERR_SQLOCK_NOT_HELD'
  /** This async context would wait for itself. */
  | 'ERR_SQLOCK_DEADLOCK'
  /** A plain read of a transaction while one of its writes is unfinished: await the write first. */
  | 'ERR_SQLOCK_BUSY'
  /**
   * BEGIN, COMMIT, ROLLBACK, SAVEPOINT or RELEASE given to `run()`, `batch()`, a read or a Transaction; an `exec()` that leaves
   * a transaction open, or ends one that it has not begun.
   */
  | 'ERR_SQLOCK_TRANSACTION'
  /**
   * The database, its -wal or its -shm, see `path`, was deleted or replaced while the DB had it open: nothing is written any
   * more, and after 20 ms at most nothing is read. Close the DB and open a new one.
   */
  | 'ERR_SQLOCK_REPLACED'
  /** More than `maxQueue` calls of this DB wait for the lock. */
  | 'ERR_SQLOCK_QUEUE_FULL'
  /** History and given migrations disagree, or one failed, see `cause`. */
  | 'ERR_SQLOCK_MIGRATION'
  /** Used after `close()`. */
  | 'ERR_SQLOCK_CLOSED'
  /** A statement that writes was given to `get()`, `all()`, `iterate()` or `pragma()`. */
  | 'ERR_SQLOCK_SYNC_WRITE'
  /** `db.lock` is a symbolic link, FIFO, directory, socket or device: refused before any byte is changed. */
  | 'ERR_SQLOCK_LOCK_FILE'
  /**
   * An error of the operating system around the lock file or its directory, or the destination of a backup; has `syscall`,
   * `errno`, `path` and `cause`.
   */
  | 'ERR_SQLOCK_IO'
  /** Thrown when the package is loaded: it has no binary for this platform. The message says what was tried, and how to get one. */
  | 'ERR_SQLOCK_NO_BINARY'

/** An error of sqlock itself. */
export class SqlockError extends Error {
  readonly code: SqlockErrorCode
  /** The system call that failed, as in its man page: `'open'`. */
  readonly syscall?: string
  /** Symbolic, as in Node: `'EACCES'`. */
  readonly errno?: string
  readonly path?: string
}

/**
 * The write lock was not granted in time. Nothing was written; the call may be repeated.
 *
 * `message` is exactly
 * `` `write lock timeout after ${timeoutMs}ms\n  holder: ${holder}\n  try again or check if holder process is stuck` ``.
 */
export class LockTimeout extends SqlockError {
  readonly name: 'LockTimeout'
  readonly code: 'ERR_SQLOCK_TIMEOUT'
  /**
   * The trimmed text of db.lock, at most 4 KiB of it, control characters other than newline replaced; `'unknown'` when it
   * is empty or unreadable.
   */
  readonly holder: string
  /** The timeout that was asked for, ms. */
  readonly timeoutMs: number
  /**
   * The holder parsed and looked up, or null when the text is not ours to parse. Not enumerable: logs do not carry the
   * command lines of others.
   */
  readonly holderInfo: LockHolder | null
  constructor(holder: string, timeoutMs: number)
}

/** An error of SQLite. */
export class SqliteError extends Error {
  readonly name: 'SqliteError' | 'BatchError'
  /** The name of the extended result code, `'SQLITE_CONSTRAINT_UNIQUE'`; see https://www.sqlite.org/rescode.html. */
  readonly code: string
  /** The extended result code. */
  readonly errcode: number
  /** SQLite's description of the code. */
  readonly errstr: string
  /** The statement, never its bound values. */
  readonly sql?: string
  /** Byte offset of the failing token in `sql`, or -1. */
  readonly offset: number
}

/** batch(): one statement failed and everything was rolled back. `cause` is its SqliteError. */
export class BatchError extends SqliteError {
  readonly name: 'BatchError'
  /** Which one; -1: the COMMIT itself failed (a deferred foreign key). */
  readonly statementIndex: number
}

// ---------------------------------------------------------------------------------------------------- the lock

/** Who holds a lock, as far as the text of the lock file and the system tell. */
export interface LockHolder {
  pid: number
  /** When it was taken; null when the writer's clock format is not ISO-8601. */
  time: string | null
  /** Is a process with this pid alive in our pid namespace? null: it cannot be told. */
  alive: boolean | null
  /** Its command line, at most 512 characters; null when it is hidden or the process is gone. */
  command: string | null
  /** The `label` of the holder. */
  label: string | null
  /** Now minus `time`, ms. */
  ageMs: number | null
}

export interface LockStatus {
  /** From the kernel without disturbing anybody (Linux: /proc/locks), never from the text. */
  locked: boolean
  lockPath: string
  /** Only while it is locked: a text that a killed process left behind is never reported as a holder. */
  holder: LockHolder | null
}

export interface WriteLockerOptions {
  /** What this holder is doing, shown to those who wait. At most 200 printable characters, no newline. */
  label?: string
  /** Permission bits of a new db.lock. Default: those of the database file for a DB, 0o600 for a WriteLocker. */
  mode?: number
  /**
   * Emit a process warning `SQLOCK_LONG_HOLD` with the stack of the acquire when a hold lasts longer than this, ms.
   * Default: never.
   */
  longHoldMs?: number
}

export interface AcquireOptions {
  /** ms. Default 500; 0: one attempt; Infinity: no deadline. */
  timeout?: number
  /**
   * While waiting: leaves the queue and rejects with `signal.reason`. Afterwards it interrupts the statement that runs, and rolls
   * back; what is committed by then resolves.
   */
  signal?: AbortSignal
}

/**
 * Proof of a hold. It ends with `release()`, `unlock()` of its locker, `await using`, the end of its thread, or of the process.
 */
export interface LockGuard extends AsyncDisposable {
  readonly held: boolean
  /** Gives the lock back, at once. Idempotent. */
  release(): Promise<void>
}

/**
 * Exclusive, cross-process lock on `<baseDir>/db.lock`: flock(2), which the kernel frees when the process ends for whatever
 * reason. No stale time, no heartbeat. Waiting never occupies a libuv worker and never blocks the event loop. The file is
 * never deleted.
 */
export class WriteLocker implements AsyncDisposable {
  /**
   * @param baseDir an existing directory, made absolute now: a later chdir changes nothing
   * @throws {TypeError} {RangeError} for bad arguments
   * @throws {SqlockError} ERR_SQLOCK_IO when baseDir is no directory
   */
  constructor(baseDir: string | URL, options?: WriteLockerOptions)
  /** The absolute path of the lock file. */
  readonly lockPath: string
  /** Does a call of this locker hold the lock? */
  readonly held: boolean
  /**
   * Takes the lock, waiting for it in the order of the calls. `timeout` is the whole wait, also behind calls of this process.
   *
   * @param timeout ms (default 500) or options
   * @throws {LockTimeout}
   * @throws {SqlockError} ERR_SQLOCK_HELD, ERR_SQLOCK_DEADLOCK, ERR_SQLOCK_LOCK_FILE, ERR_SQLOCK_IO
   */
  acquire(timeout?: number | AcquireOptions): Promise<LockGuard>
  /** One attempt: a guard, or null when somebody holds the lock or waits for it in this process. */
  tryAcquire(): Promise<LockGuard | null>
  /**
   * Empties the lock file and gives the lock back, at once: the hold that `acquire()` or `tryAcquire()` of this locker took last,
   * never one of `withLock()`. Nothing happens when there is none. Between several callers of one locker it cannot tell whose hold
   * it ends: let each end its own with `release()` of the guard, or have a locker for each.
   */
  unlock(): Promise<void>
  /** The same as `unlock()`. */
  release(): Promise<void>
  /**
   * Acquires, awaits `fn`, unlocks; one locker may serve a whole program so, each call waits for its turn. Writes of a DB to this directory that are issued in `fn` run under the hold. The error
   * of `fn` wins over an error of the unlock.
   */
  withLock<T>(fn: () => T | PromiseLike<T>, options?: number | AcquireOptions): Promise<T>
  /** Who holds the lock, without disturbing anybody. */
  status(): Promise<LockStatus>
  [Symbol.asyncDispose](): Promise<void>
}

// ---------------------------------------------------------------------------------------------------- the database

export interface DBOptions<M extends IntegerMode = 'number'> {
  /**
   * Open for reading only: writes reject with SqliteError SQLITE_READONLY, and no lock file is made. A reader that may not write
   * to the directory reads a WAL database without locks while nobody has it open. Such a read is repeated when others write
   * meanwhile, and an iterator that has given rows already throws SQLITE_BUSY_SNAPSHOT. A `-journal` that a killed program has left
   * is SQLITE_READONLY_ROLLBACK: open the database once without `readonly`. Default false.
   */
  readonly?: boolean
  /** Do not make the file or its directory. Default false. */
  fileMustExist?: boolean
  /**
   * The longest time in which no call of this process gets the lock, ms. Whenever a DB of this process gets the lock of this
   * directory or gives it back, the timeouts of the waiting writes, transactions and `withWriteLock()` of all of them start
   * again, to last at least 200 ms; so own calls do not time out on each other, only on a holder that does not end. Time in which
   * a batch of writes of this process runs does not count. Not so for `timeout: 0` and for a WriteLocker, whose wait is the whole
   * time. To shed load use `maxQueue`; for a hard limit `signal: AbortSignal.timeout(ms)`. Default 500.
   */
  timeout?: number
  /**
   * SQLite's own busy timeout, ms: matters only against programs that ignore db.lock. A signal ends the wait for them. The event
   * loop goes on meanwhile, but for plain reads and `prepare()`: they block it for at most this time when such a program has a
   * database that is not in WAL mode to itself. Default 500.
   */
  busyTimeout?: number
  /**
   * `'NORMAL'` (default): survives a crashed process; the last commits may go with a power cut. `'FULL'`: durable when the
   * write resolves. See https://www.sqlite.org/pragma.html#pragma_synchronous.
   */
  synchronous?: 'NORMAL' | 'FULL'
  /** Are foreign keys enforced? Default true. */
  foreignKeys?: boolean
  /**
   * Bytes of a page of a new database: a power of two from 512 to 65,536. A database is new if its file is missing or empty when its
   * first write has the lock. One that exists keeps its page size: if that is another one, the constructor throws a TypeError. If
   * another process makes the database in between, the first write rejects with it. Default SQLite's: 4096. Not with `readonly`.
   * See https://www.sqlite.org/pragma.html#pragma_page_size.
   */
  pageSize?: number
  /**
   * The auto_vacuum of a new database, as `pageSize`. In one that exists `exec('PRAGMA auto_vacuum = FULL; VACUUM')` changes it. Default
   * SQLite's: `'NONE'`. See https://www.sqlite.org/pragma.html#pragma_auto_vacuum.
   */
  autoVacuum?: 'NONE' | 'FULL' | 'INCREMENTAL'
  /** How INTEGER values come back. Default `'number'`. */
  integers?: M
  /**
   * Calls of this DB that may wait for the lock before ERR_SQLOCK_QUEUE_FULL: writes, transactions and holds, one each. Default
   * Infinity. What runs under a hold does not wait for the lock and does not count.
   */
  maxQueue?: number
  /** Connections for `getAsync()` and `allAsync()`, opened when they are needed: so many read at once. Default 2. */
  readers?: number
  /** How this DB appears to others that wait for the lock. */
  lock?: WriteLockerOptions
}

/**
 * A row of `records(id INTEGER PRIMARY KEY, name TEXT NOT NULL, value INTEGER NOT NULL)`. The table is made by the first
 * write that needs it; one that is already there, also with further columns, is used as it is.
 */
export interface RecordRow<M extends IntegerMode = 'number'> {
  id: Int<M>
  name: string
  value: Int<M>
}

/** A statement that is compiled once and kept; it runs on the database or in the transaction that prepared it. */
export interface Statement<P extends Params = Params, T = Row, M extends IntegerMode = 'number'> {
  /** Its text. */
  readonly source: string
  /** Does it return rows? */
  readonly reader: boolean
  /** Cannot change the database: https://www.sqlite.org/c3ref/stmt_readonly.html. */
  readonly readonly: boolean
  run(...params: P): Promise<RunResult<M>>
  get(...params: P): T | undefined
  all(...params: P): T[]
  iterate(...params: P): IterableIterator<T>
  getAsync(...params: P): Promise<T | undefined>
  allAsync(...params: P): Promise<T[]>
  iterateAsync(...params: P): AsyncIterableIterator<T>
  /** Only the first column of each row. Ends `raw()`. */
  pluck(on?: boolean): Statement<P, SqlValue, M>
  /** Rows as arrays. Ends `pluck()`. */
  raw(on?: boolean): Statement<P, SqlValue[], M>
  /** How its INTEGERs come back. Default: as those of the DB. */
  integers(mode: IntegerMode): this
  /** Where the columns of its rows come from, by the schema as it is now; null for what is an expression. */
  columns(): {
    name: string
    column: string | null
    table: string | null
    database: string | null
    type: string | null
  }[]
}

/** What a database and a transaction both offer. */
export interface Queryable<M extends IntegerMode = 'number'> {
  /**
   * Compiles a statement.
   *
   * @throws {SqliteError} when SQLite cannot compile it
   * @throws {SqlockError} ERR_SQLOCK_TRANSACTION, ERR_SQLOCK_CLOSED, ERR_SQLOCK_BUSY
   */
  prepare<P extends Params = Params, T = Row>(sql: string): Statement<P, T, M>

  /**
   * Runs one writing statement; resolves after its COMMIT, in a transaction after it ran. Rows that it returns are passed over.
   * Writes that are under way together share a commit, and still fail or succeed each by itself. VACUUM and pragmas run alone.
   * ATTACH is refused: a database of another directory has another lock. The SQL functions last_insert_rowid(), changes() and
   * total_changes() are refused with SQLITE_AUTH, unless the call belongs to a transaction or a hold: use the result instead.
   * A pragma that is a setting (`foreign_keys`, `synchronous`, `case_sensitive_like`, `recursive_triggers`,
   * `ignore_check_constraints`) holds for all connections of the DB; one that would hold for one connection is refused, and so is a
   * TEMP object outside of a transaction: SQLITE_AUTH, with what to use.
   *
   * @throws {LockTimeout} {SqliteError}
   * @throws {SqlockError} ERR_SQLOCK_TRANSACTION, ERR_SQLOCK_REPLACED, ERR_SQLOCK_LOCK_FILE, ERR_SQLOCK_IO,
   * ERR_SQLOCK_QUEUE_FULL, ERR_SQLOCK_CLOSED, ERR_SQLOCK_NOT_HELD, ERR_SQLOCK_DEADLOCK
   * @throws {TypeError} {RangeError} for a value that cannot be bound, and for too few or too many of them
   */
  run(sql: string | Query, ...params: Params): Promise<RunResult<M>>

  /**
   * Runs several statements without parameters, separated by `;`: all or nothing, in one transaction. BEGIN and COMMIT of the text
   * must pair up and are passed over; in a transaction of the program there are none. Settings and VACUUM stand before the first other
   * statement, settings also behind the last one.
   *
   * @throws what `run()` throws
   */
  exec(sql: string | Pick<Query, 'sql' | 'timeout' | 'signal'>): Promise<void>

  /**
   * Runs several statements in one transaction of their own: all or nothing.
   *
   * @throws {BatchError} when SQLite refuses one of them, or the COMMIT
   * @throws what `run()` throws; an error of an argument names its item
   */
  batch(items: readonly BatchItem[], options?: AcquireOptions): Promise<RunResult<M>[]>

  /**
   * Reads the first row on the calling thread, or undefined. Never takes the lock. In a transaction it sees its writes.
   *
   * @throws {SqliteError}
   * @throws {SqlockError} ERR_SQLOCK_SYNC_WRITE for a statement that writes, ERR_SQLOCK_TRANSACTION, ERR_SQLOCK_BUSY,
   * ERR_SQLOCK_NOT_HELD, ERR_SQLOCK_DEADLOCK, ERR_SQLOCK_CLOSED
   */
  get<T = Row>(sql: string, ...params: Params): T | undefined
  /** Reads all rows on the calling thread. Throws what `get()` throws. */
  all<T = Row>(sql: string, ...params: Params): T[]
  /**
   * The rows one after the other, of which 256 at most are there at a time: a statement and a snapshot of their own, until the
   * loop is left. In a transaction all of them are read at once.
   */
  iterate<T = Row>(sql: string, ...params: Params): IterableIterator<T>
  /**
   * Reads the first row off the event loop, on a connection that is not that of the plain reads. A statement that writes, with
   * RETURNING, is taken through the lock. In a transaction it belongs to that. `signal` interrupts it.
   */
  getAsync<T = Row>(sql: string | ReadQuery, ...params: Params): Promise<T | undefined>
  /** Reads all rows off the event loop, which takes some 1,000 at a time. As `getAsync()`. */
  allAsync<T = Row>(sql: string | ReadQuery, ...params: Params): Promise<T[]>
  /**
   * Runs one statement of any kind, for drivers that are not told of which: a read as `allAsync()`, off the event loop and without
   * the lock, anything else as `run()`. Where it is known, those are cheaper.
   *
   * @throws what `run()` throws
   */
  execute<T = Row>(sql: string | ReadQuery, ...params: Params): Promise<ExecuteResult<T, M>>
  /**
   * The rows in chunks, each read when it is asked for; leaving the loop early ends the statement and its snapshot. It never
   * throws: the first `next()` rejects with what is wrong with the call. After `close()`, or during it, `next()` rejects with
   * ERR_SQLOCK_CLOSED.
   */
  iterateAsync<T = Row>(sql: string | ReadQuery, ...params: Params): AsyncIterableIterator<T>
}

/**
 * A transaction, or a savepoint in one. Its reads see its own writes. Each write in it is undone by itself when it fails; errors
 * after which SQLite rolls back everything (OR ROLLBACK, a full disk, an interrupted write) end it. Once it has ended, its calls
 * are ERR_SQLOCK_NOT_HELD. `await using` rolls back one that is unfinished.
 */
export interface Transaction<M extends IntegerMode = 'number'> extends Queryable<M>, AsyncDisposable {
  /** Neither committed nor rolled back, by SQLite itself neither. */
  readonly active: boolean
  /**
   * A transaction within this one: its failure undoes only itself. Siblings run one after another. The outer one used in `fn` is
   * ERR_SQLOCK_DEADLOCK.
   */
  savepoint<T>(fn: (tx: Transaction<M>) => T | PromiseLike<T>): Promise<T>
  /**
   * Begins a savepoint that is ended by `commit()`, `rollback()` or `await using`: for drivers. Until then calls of this handle
   * wait behind it. One that is open when its transaction ends is rolled back.
   */
  begin(): Promise<Transaction<M>>
  /**
   * Ends a transaction of `begin()`; `transaction(fn)` commits by itself. Waits for its calls; when one of them has failed and
   * nobody has asked for its outcome, everything is rolled back and this rejects with that error.
   *
   * @throws {SqliteError} when the COMMIT fails: everything is rolled back
   * @throws {SqlockError} ERR_SQLOCK_NOT_HELD when it has ended
   */
  commit(): Promise<void>
  /** Undoes everything. Nothing happens when it has ended. */
  rollback(): Promise<void>
}

/** A step in the history of a database. */
export interface Migration {
  /** Unique and stable, such as `'0003_add_index'`; applied in the order given. */
  id: string
  /** A script for `exec()`, or a function that gets the transaction. */
  up: string | ((tx: Transaction) => void | PromiseLike<void>)
  /**
   * `false`: foreign keys are off while it runs, for a table that is made again, checked before its COMMIT, and as before afterwards,
   * whatever happens. It fails when a foreign key has more violations than before it; where foreign keys are not enforced nothing is
   * checked. Default: they are as they are.
   */
  foreignKeys?: boolean
}

export interface MigrateOptions extends AcquireOptions {
  /** ms. Default 60,000. */
  timeout?: number
  /** The table that keeps the history. Default `'_sqlock_migrations'`. */
  table?: string
}

/** What a checkpoint did, see https://www.sqlite.org/c3ref/wal_checkpoint_v2.html. */
export interface CheckpointResult {
  /** Was everything moved into the database file, and what the mode asks for besides? */
  complete: boolean
  /** Frames in the WAL. */
  walFrames: number
  /** Those of them that were moved so far. */
  checkpointedFrames: number
}

export interface BackupOptions {
  /** After each step, on the event loop; the next step waits for it. What it throws ends the backup and is what that rejects with. */
  progress?: (p: { totalPages: number; remainingPages: number }) => void
  /** How many pages to copy in a step. Default 256. */
  pagesPerStep?: number
  /** Ends the backup, which then rejects with `signal.reason` and leaves nothing behind. */
  signal?: AbortSignal
}

/** What a DB has done since it was opened. */
export interface Stats {
  /** Statements written that have resolved, a script as one. */
  writes: number
  /** COMMITs they took. */
  commits: number
  /** Calls that were rejected with a LockTimeout. */
  lockTimeouts: number
  /** Writes that wait for the lock now. */
  queue: number
  /** How long the last 1,024 grants of the lock took, ms. */
  lockWait: { p50: number; p99: number; max: number }
  /** How long the last 1,024 holds lasted, ms. */
  lockHold: { p50: number; p99: number; max: number }
  /** The size of the WAL. */
  walBytes: number
  /** How commits are noticed while somebody iterates over `changes()` or `watch()`: events of the system, or a look every 5 ms. */
  changes: 'inotify' | 'poll' | null
}

export interface ChangesOptions {
  /** Ends the iteration: the pending and every further `next()` rejects with `signal.reason`. */
  signal?: AbortSignal
  /** Yield also when this many ms have passed in `next()` without a commit, > 0. For work that falls due. Default Infinity. */
  interval?: number
}

/** What `changes()` has yielded for. */
export interface Change {
  reason: 'start' | 'commit' | 'interval'
}

/** A query of `watch()`: a text with its values, and its options. */
export type WatchQuery = Omit<ReadQuery, 'timeout'> & ChangesOptions

/**
 * One SQLite file in WAL mode, safe to open in any number of processes and worker threads at once. The lock is
 * `<directory of dbPath>/db.lock`, so all databases of one directory share it.
 */
export class DB<M extends IntegerMode = 'number'> {
  /**
   * Opens synchronously, making missing directories, and never waits for the lock: an existing database is opened as it is;
   * making it a WAL database is part of its first write. `':memory:'` and `''` are refused.
   *
   * A second SQLite that has the file open in this process already (better-sqlite3, node:sqlite, another copy of sqlock), or
   * anything else that has, is a process warning, `SQLOCK_SECOND_SQLITE`, once for each file: closing the file there drops
   * SQLite's locks here. A file with several names is one, `SQLOCK_HARD_LINK`: each name has a -wal of its own. A path that is a
   * symbolic link into another directory is one, `SQLOCK_SYMBOLIC_LINK`: each directory has a lock of its own.
   *
   * @throws {TypeError} {RangeError} for bad arguments
   * @throws {SqliteError} SQLITE_CANTOPEN, also for a FIFO, a socket or a device; SQLITE_NOTADB
   * @throws {SqlockError} ERR_SQLOCK_IO when the directory cannot be made or used
   */
  constructor(dbPath: string | URL, options?: DBOptions<M>)
  /** Absolute. */
  readonly dbPath: string
  /** The directory of `dbPath`. */
  readonly baseDir: string
  readonly open: boolean
  /** Does the current async context hold this database's write lock? */
  readonly inWriteLock: boolean

  /**
   * Inserts a record and resolves to its id after the COMMIT. An id beyond ±(2^53 - 1) comes as a bigint in every mode.
   *
   * @param value an integer: a safe-integer number, or a bigint within 64 bits
   * @throws {LockTimeout} {SqliteError} {SqlockError}
   */
  createRecord(name: string, value: number | bigint): Promise<Int<M>>
  /** Sets the value of a record. Resolves after the COMMIT, also when no row has that id. */
  updateRecord(id: number | bigint, value: number | bigint): Promise<void>
  /** Reads a record on the calling thread, as `get()` does. */
  getRecord(id: number | bigint): RecordRow<M> | undefined
  /** Reads all records on the calling thread, in the order of their ids. */
  getAllRecords(): RecordRow<M>[]
  /** The same as `getRecord()`, off the event loop. */
  getRecordAsync(id: number | bigint): Promise<RecordRow<M> | undefined>
  /** The same as `getAllRecords()`, off the event loop. */
  getAllRecordsAsync(): Promise<RecordRow<M>[]>
  /**
   * Runs `fn` while this process holds the cross-process lock, until the promise of `fn` settles. Not a transaction: each
   * write in it commits by itself. Writes to this directory that are issued in the async context of `fn` use the hold; work
   * that outlives `fn` does not. In a scope of this directory `fn` runs under the hold of that scope.
   */
  withWriteLock<T>(fn: () => T | PromiseLike<T>, options?: number | AcquireOptions): Promise<T>

  /**
   * Runs `fn` in a transaction, BEGIN IMMEDIATE under the lock, and commits when its promise and all calls issued in it have
   * settled; rolls back when it rejects, or when a call that it did not await has failed. Calls of this DB in the async context
   * of `fn` belong to the transaction, as those of its handle do. In a transaction of this DB it is a savepoint; under a hold it
   * runs under that. An abort interrupts it, rolls back, gives the lock back and rejects with `signal.reason`.
   *
   * The lock is taken before `fn` is called; BEGIN goes with the first write. A plain read that comes first makes it on the calling
   * thread, and throws SQLITE_BUSY when a program that ignores the lock writes for more than 5 ms. The next call tries again.
   *
   * @throws {LockTimeout} {SqliteError}
   * @throws what `fn` rejects with
   */
  transaction<T>(fn: (tx: Transaction<M>) => T | PromiseLike<T>, options?: AcquireOptions): Promise<T>
  /**
   * Begins a transaction that is ended by `commit()`, `rollback()` or `await using`: for drivers. It sets no scope: only the
   * calls of its handle belong to it, and others of this DB wait behind it. `signal` counts only while it waits for the lock. In a
   * scope it ends with that at the latest.
   */
  begin(options?: AcquireOptions): Promise<Transaction<M>>

  /**
   * Applies the migrations that are missing in the history of the file: each once over all processes, in a transaction of its
   * own. What was applied has to be the beginning of the list. Does not take the lock when nothing is missing.
   *
   * @throws {SqlockError} ERR_SQLOCK_MIGRATION when history and list disagree, or one fails (`cause`): nothing of it stays, and
   * those before it do
   * @throws {LockTimeout}
   */
  migrate(migrations: readonly Migration[], options?: MigrateOptions): Promise<{ applied: string[] }>

  /**
   * Moves what the WAL holds into the database file, off the event loop. `'PASSIVE'` (default) waits for nobody and takes no
   * lock; `'FULL'`, `'RESTART'` and `'TRUNCATE'` take the lock, and wait for readers for at most `busyTimeout`; `signal` ends
   * that wait, too. It is done in the background every 200 commits or so, and need not be called.
   *
   * @throws {LockTimeout} {SqliteError}
   * @throws {SqlockError} ERR_SQLOCK_DEADLOCK in a transaction, ERR_SQLOCK_REPLACED
   */
  checkpoint(
    mode?: 'PASSIVE' | 'FULL' | 'RESTART' | 'TRUNCATE',
    options?: AcquireOptions
  ): Promise<CheckpointResult>

  /**
   * Copies the database to `destination` while others write, and replaces what is there. Everything that is committed when it is
   * called is in it, and nothing of a transaction that is not, the one that it is called in neither. Takes no lock; a thread of its
   * own copies. Until it is done the WAL cannot be checkpointed to its end, and grows with what is written.
   *
   * The copy is made in a file beside `destination`, `<destination>.sqlock-…` (the first 100 bytes of a longer name), synced, and
   * renamed: at `destination` there is the old file or the new one, never half of it, whoever is killed. What a process that was
   * killed has left beside it is removed by the next backup to it. The copy has the permission bits of the database and, unlike it, a rollback journal, so that it is one
   * file that opens anywhere; with its first write by sqlock it becomes a WAL database.
   *
   * Nobody may have a database at `destination` open, nor may one that crashed be there: SQLite would apply its `-wal` or
   * `-journal` to the new file. ERR_SQLOCK_IO with `errno` EBUSY when there is a `-wal`, `-shm` or `-journal` beside it, or when
   * it is open in this process; another process that has it open without such a file is not seen.
   *
   * @throws {TypeError} `destination` is the database itself, a directory, db.lock or another file that is no database's
   * @throws {SqlockError} ERR_SQLOCK_IO, ERR_SQLOCK_REPLACED, ERR_SQLOCK_CLOSED
   * @throws {SqliteError} SQLITE_FULL
   */
  backup(destination: string | URL, options?: BackupOptions): Promise<{ totalPages: number }>

  /**
   * Reads a pragma: rows as objects, or with `simple` the first column of the first row.
   *
   * @throws {SqlockError} ERR_SQLOCK_SYNC_WRITE for a pragma that writes
   */
  pragma(source: string, options?: { simple?: boolean }): unknown
  /**
   * Yields once at once ('start'), and again after commits to this database by anybody: this DB, another connection of the process,
   * another process, a program in another language, with the lock or without. What is read after a 'commit' sees that commit.
   *
   * No commit is missed that is made after the call, also between two `next()`. Several may come as one, and a 'commit' may find
   * nothing new. Own commits count. Who writes without a pause wakes an iterator some 100 times a second.
   *
   * A pending `next()` keeps the process alive, an iterator by itself does not. It uses next to no processor time while nobody writes,
   * where the system tells of writes (a local file system of Linux); elsewhere it looks every 5 ms. It belongs to no scope, and sees what
   * is committed. `return()` ends a pending `next()` at once, and so does `close()`, with `done: true`. Never throws: the first
   * `next()` rejects with what is wrong with the call.
   *
   * @throws {SqlockError} ERR_SQLOCK_REPLACED when the file was deleted or replaced, ERR_SQLOCK_CLOSED after close(), ERR_SQLOCK_IO
   *   when the system has no further thread
   */
  changes(options?: ChangesOptions): AsyncIterableIterator<Change>
  /**
   * A live query: yields its rows at once, and again whenever a commit by anybody has changed them. One read at a time, off the event
   * loop; for a slow consumer the states in between are skipped, never the last. Rows are compared in their order: without ORDER BY
   * another order is a change. An error of a read ends it with that error. With `interval` it reads again after that time, too.
   * `return()` and the signal interrupt a read that is under way; `close()` waits for it. Otherwise as `changes()`.
   *
   * @throws {SqlockError} ERR_SQLOCK_SYNC_WRITE for a statement that writes, and what `changes()` and `allAsync()` throw
   */
  watch<T = Row>(query: string | WatchQuery, ...params: Params): AsyncIterableIterator<T[]>
  /** Who holds the lock of this directory, without disturbing anybody. */
  lockStatus(): Promise<LockStatus>
  stats(): Stats
  /**
   * New calls from outside fail at once with ERR_SQLOCK_CLOSED; queued writes, backups and running callbacks, with their own
   * calls, finish; transactions of `begin()` are rolled back, iterators end with ERR_SQLOCK_CLOSED, those of `changes()` and `watch()` with `done`. SQLite's closing checkpoint runs on a worker. Idempotent; need not be
   * awaited. In one of its own callbacks: ERR_SQLOCK_DEADLOCK.
   *
   * @param options `timeout`: ms, default Infinity; what has not got the lock by then is rejected with ERR_SQLOCK_CLOSED
   */
  close(options?: { timeout?: number }): Promise<void>
}
export interface DB<M extends IntegerMode = 'number'> extends Queryable<M>, AsyncDisposable {}

/**
 * What is published on the channels of node:diagnostics_channel, by their names. Without a subscriber no message is made. No message
 * has bound values in it. Durations are ms.
 */
export interface DiagnosticsMessages {
  /** The lock was granted to a call or a batch, calls did not get it, or it was given back. */
  'sqlock:lock':
    | { event: 'acquired'; lockPath: string; waitMs: number }
    /** How many calls, how long the first of them has waited, and what they are rejected with. */
    | { event: 'refused'; lockPath: string; waitMs: number; calls: number; error: unknown }
    | { event: 'released'; lockPath: string; holdMs: number }
  /** Writes that went to SQLite together are done. */
  'sqlock:batch': {
    dbPath: string
    /** Their texts, each once. */
    statements: string[]
    writes: number
    /** How many of them were rejected. */
    failed: number
    commits: number
    /** From when they were handed over until they were done, `waitMs` and `holdMs` included. */
    ms: number
    /** null under a hold, as in a transaction: the batch has not taken the lock. */
    waitMs: number | null
    holdMs: number | null
  }
  /** A checkpoint has ended: with what `checkpoint()` resolves to, or with an error. */
  'sqlock:checkpoint': {
    dbPath: string
    mode: 'PASSIVE' | 'FULL' | 'RESTART' | 'TRUNCATE'
    /** Has nobody asked for it? */
    background: boolean
    ms: number
    error?: unknown
  } & Partial<CheckpointResult>
  /** A hold lasts longer than `longHoldMs`; `stack` is that of the call that has taken it. */
  'sqlock:long-hold': { lockPath: string; longHoldMs: number; stack: string }
}

/** The version of the bundled SQLite, `'3.54.1'`; never below 3.51.3, which fixed a corruption of the WAL. */
export const sqliteVersion: string
/** The version of sqlock. */
export const version: string
