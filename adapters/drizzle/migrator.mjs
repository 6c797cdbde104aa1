import { readMigrationFiles } from 'drizzle-orm/migrator'
import * as sqlite from 'drizzle-orm/sqlite-core'
import migrating from './migrate.js'

export const migrate = migrating.defineMigrate({ readMigrationFiles, migrateAsync: sqlite.migrateAsync })
