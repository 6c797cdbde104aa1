// The types of import and of require are the same text in two files: each is resolved in its own module form, and so finds
// the copy of Drizzle's classes that its callers have.

import type * as orm from 'drizzle-orm'
import type { BatchItem, BatchResponse } from 'drizzle-orm/batch'
import type * as sqlite from 'drizzle-orm/sqlite-core'
import type { AcquireOptions, DB, DBOptions, IntegerMode, RunResult } from '../../index.js'

/** Is this Drizzle 1? Its classes have other names, and its relations stand beside the schema. */
type IsDrizzle1 = typeof sqlite extends { SQLiteAsyncDatabase: unknown } ? true : false
type Choose<V1, V0> = IsDrizzle1 extends true ? V1 : V0

// Of each pair Drizzle has one; the other line would be an error.
// @ts-ignore
type Database0<T, M extends IntegerMode> = sqlite.BaseSQLiteDatabase<'async', RunResult<M>, T>
// @ts-ignore
type Database1<T, M extends IntegerMode> = sqlite.SQLiteAsyncDatabase<'async', RunResult<M>, T>
// @ts-ignore
type Tables0<T> = orm.ExtractTablesWithRelations<T>
// @ts-ignore
type Transaction0<T, M extends IntegerMode> = sqlite.SQLiteTransaction<'async', RunResult<M>, T, Tables0<T>>
// @ts-ignore
type Transaction1<T, M extends IntegerMode> = sqlite.SQLiteAsyncTransaction<'async', RunResult<M>, T>
// @ts-ignore
type Config0<T> = orm.DrizzleConfig<T>
// @ts-ignore
type Config1<T> = Omit<orm.DrizzleConfig<Record<string, never>, T>, 'schema'>
// @ts-ignore
type Relations = orm.AnyRelations
// @ts-ignore
type NoRelations = orm.EmptyRelations

/** What relational queries know of the tables: before Drizzle 1.0 its `schema`, from then on its `relations`. */
export type Schema = Choose<Relations, Record<string, unknown>>
export type NoSchema = Choose<NoRelations, Record<string, never>>

/** `logger`, `cache`, and `schema` and `casing` or `relations` and `jit`, as with Drizzle's own drivers. */
export type SqlockConfig<T extends Schema = NoSchema> = Choose<Config1<T>, Config0<T>>

/** A path, or a path with the options of the DB. */
export type Connection = string | URL | ({ source: string | URL } & DBOptions)

/** How a transaction waits for the lock, and what calls it off; see `db.transaction()` of sqlock. */
export interface TransactionConfig extends AcquireOptions {
  /** Of no effect: each transaction is BEGIN IMMEDIATE under the lock. */
  behavior?: sqlite.SQLiteTransactionConfig['behavior']
}

/** In a transaction, a transaction is a savepoint, and takes no options. */
export type SqlockTransaction<T extends Schema = NoSchema, M extends IntegerMode = 'number'> = Choose<
  Transaction1<T, M>,
  Transaction0<T, M>
>

export type SqlockDatabase<T extends Schema = NoSchema, M extends IntegerMode = 'number'> = Choose<
  Database1<T, M>,
  Database0<T, M>
> & {
  /**
   * All of these or nothing: one batch of sqlock, which shares its commit with other writes; a transaction when one of them asks
   * for rows.
   */
  batch<U extends BatchItem<'sqlite'>, B extends Readonly<[U, ...U[]]>>(queries: B): Promise<BatchResponse<B>>
  /**
   * Runs `fn` in a transaction under the lock. What is asked of the database itself in `fn` belongs to it too.
   *
   * @throws {LockTimeout} what `fn` rejects with
   */
  transaction<R>(fn: (tx: SqlockTransaction<T, M>) => Promise<R>, config?: TransactionConfig): Promise<R>
}

/** A database of Drizzle on a DB of sqlock: `$client`, which is also what closes it. */
export declare function drizzle<T extends Schema = NoSchema, M extends IntegerMode = 'number'>(
  client: DB<M>,
  config?: SqlockConfig<T>
): SqlockDatabase<T, M> & { $client: DB<M> }
export declare function drizzle<T extends Schema = NoSchema, M extends IntegerMode = 'number'>(
  config: SqlockConfig<T> & { client: DB<M> }
): SqlockDatabase<T, M> & { $client: DB<M> }
/** Opens the database, too. */
export declare function drizzle<T extends Schema = NoSchema>(
  path: string | URL,
  config?: SqlockConfig<T>
): SqlockDatabase<T> & { $client: DB }
export declare function drizzle<T extends Schema = NoSchema>(
  config: SqlockConfig<T> & { connection: Connection }
): SqlockDatabase<T> & { $client: DB }

export declare namespace drizzle {
  /** Without a database: for the types, and for the SQL that a query becomes. */
  function mock<T extends Schema = NoSchema>(
    config?: SqlockConfig<T>
  ): SqlockDatabase<T> & { $client: '$client is not available on drizzle.mock()' }
}
