// The instance that require() gives: an error of one is an instance of the other's class.
import sqlock from './index.js'

export const { BatchError, DB, LockTimeout, SqliteError, SqlockError, WriteLocker, sqliteVersion, version } =
  sqlock
