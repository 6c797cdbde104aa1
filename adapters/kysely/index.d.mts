// As for require(), but for the other copy of Kysely's types.
import type { Dialect } from 'kysely'
import type { SqlockDialectConfig } from './config.js'

export type { SqlockDialectConfig }

/** Kysely's dialect for SQLite on a DB of sqlock: `new Kysely({ dialect: new SqlockDialect({ database: db }) })`. */
export const SqlockDialect: new (config: SqlockDialectConfig) => Dialect
export type SqlockDialect = InstanceType<typeof SqlockDialect>
