'use strict'

const { SqlockClient } = require('./client')
const { migrateUnderLock } = require('./migrator')
const { poolOf } = require('./pool')

migrateUnderLock(SqlockClient)

module.exports = { SqlockClient, poolOf }
