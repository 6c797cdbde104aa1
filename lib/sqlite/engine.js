/**
 * The engine of SQLite: the one door by which a DB or a WriteLocker gets at a database or a lock. index.js hands it to them. See
 * `Engine` in lib/engine.d.ts.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { call } = require('../base/failures')
const { Database } = require('./database')
const { warnOfLinks } = require('./links')
const { NativeLock, sqliteVersion } = require('./native')
const { warnOfSecondSqlite } = require('./second-sqlite')
const { interruptAtEnd } = require('./teardown')

/** @type {Engine.Engine} */
const sqlite = {
  version: sqliteVersion(),

  open(path, options) {
    warnOfSecondSqlite(path)
    interruptAtEnd()
    const database = new Database(path, options)
    warnOfLinks(path, options.readonly)
    return database
  },

  lock(baseDir, options) {
    return call(() => new NativeLock(baseDir, options))
  }
}

module.exports = { sqlite }
