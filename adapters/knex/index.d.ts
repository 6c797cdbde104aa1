import { Knex } from 'knex'
import type { DB, DBOptions, IntegerMode } from '../../index.js'

declare module 'knex' {
  namespace Knex {
    /** The options of a DB beside `filename`. Those that are not of the client that is chosen are refused when it opens the file. */
    interface Sqlite3ConnectionConfig extends DBOptions<IntegerMode> {}
  }
}

/**
 * The client to give to Knex: `knex({ client: SqlockClient, connection: { filename: 'data/app.db' }, useNullAsDefault: true })`.
 * `connection` may have the options of a DB besides. The DB is opened by the first query and closed by `destroy()`.
 *
 * There is no pool: the options `pool` and `acquireConnectionTimeout` mean nothing; `pool.afterCreate` is a TypeError.
 *
 * Methods of `migrate` run under the lock, which they wait for up to 60 seconds.
 */
export class SqlockClient extends Knex.Client {}

/** What Knex calls a pool. */
export interface SqlockPool {
  acquire(): { promise: Promise<unknown> }
  release(connection: unknown): boolean
  destroy(): Promise<void>
  numUsed(): number
  numFree(): number
  numPendingAcquires(): number
}

/**
 * Has Knex use a DB that the program uses itself, in place of a `connection`: `knex({ client: SqlockClient, connectionPool:
 * poolOf(db), useNullAsDefault: true })`. `destroy()` leaves it open. Before 3.3 Knex has no type for `connectionPool`.
 *
 * @throws {TypeError} when it is no DB
 */
export function poolOf<M extends IntegerMode>(db: DB<M>): SqlockPool
