/**
 * Process warnings about the lock.
 */
'use strict'

/** Tells of an error that must not replace a result. */
function warnOfRelease(error) {
  process.emitWarning(`the write lock was given back with an error: ${error.message}`, {
    code: 'SQLOCK_RELEASE'
  })
}

module.exports = { warnOfRelease }
