/**
 * The addon, and the border over which its errors come: as data. The one file that requires it.
 */
'use strict'

const { fromFailure } = require('./errors')
const binding = require('../binding')

/** Runs a call of the addon. Its failure is thrown as an error of its class, with the stack of the caller. */
function call(work) {
  try {
    return work()
  } catch (failure) {
    throw fromFailure(failure)
  }
}

/** Awaits what the addon was asked for. An async function, so that the stack of a new error shows who awaits it. */
async function settled(promise) {
  try {
    return await promise
  } catch (failure) {
    throw fromFailure(failure)
  }
}

module.exports = {
  NativeDatabase: binding.NativeDatabase,
  NativeLock: binding.NativeLock,
  directoryOfHold: binding.directoryOfHold,
  hasOpen: binding.hasOpen,
  meetsAnotherSqlite: binding.meetsAnotherSqlite,
  release: binding.release,
  sqliteVersion: binding.sqliteVersion(),
  call,
  settled
}
