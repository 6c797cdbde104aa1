import type { MigrationConfig } from 'drizzle-orm/migrator'
import type { SqlockDatabase } from 'sqlock/drizzle'

export interface MigrateConfig extends MigrationConfig {
  /** Longest wait for the write lock, ms: others may be migrating. Default 60,000. */
  timeout?: number
}

/**
 * Applies the migrations of a folder that are missing in the database, all or none: each once, however many processes do it at
 * once. Does not take the lock when nothing is missing. Foreign keys are off meanwhile if one of them turns them off.
 *
 * Resolves to something only with `init` of Drizzle 1, as its own migrators do.
 *
 * @throws {LockTimeout} what Drizzle's own migrators throw
 */
export declare function migrate(
  db: SqlockDatabase<any, any>,
  config: MigrateConfig
): Promise<void | { exitCode: 'databaseMigrations' | 'localMigrations' }>
