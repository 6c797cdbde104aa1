'use strict'

const { DB } = require('./lib/db')
const { BatchError, LockTimeout, SqliteError, SqlockError } = require('./lib/errors')
const { sqliteVersion } = require('./lib/native')
const { WriteLocker } = require('./lib/write-locker')
const { version } = require('./package.json')

module.exports = {
  BatchError,
  DB,
  LockTimeout,
  SqliteError,
  SqlockError,
  WriteLocker,
  sqliteVersion,
  version
}
