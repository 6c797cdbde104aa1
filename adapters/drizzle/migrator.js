'use strict'

const { readMigrationFiles } = require('drizzle-orm/migrator')
const sqlite = require('drizzle-orm/sqlite-core')
const { defineMigrate } = require('./migrate')

module.exports = { migrate: defineMigrate({ readMigrationFiles, migrateAsync: sqlite.migrateAsync }) }
