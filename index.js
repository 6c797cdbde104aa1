'use strict'

const api = { ...require('./lib/api/db'), ...require('./lib/api/write-locker') }
const { sqlite } = require('./lib/sqlite/engine')
const { BatchError, LockTimeout, SqliteError, SqlockError } = require('./lib/base/errors')
const { version } = require('./package.json')

const { version: sqliteVersion } = sqlite

class DB extends api.DB {
  constructor(dbPath, options) {
    super(sqlite, dbPath, options)
  }
}

class WriteLocker extends api.WriteLocker {
  constructor(baseDir, options) {
    super(sqlite, baseDir, options)
  }
}

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
