/**
 * The error classes. Codes are part of the API and change only in a major version; messages may change at any time, but for
 * that of LockTimeout.
 */
'use strict'

/** An error of sqlock itself; `code` says which. */
class SqlockError extends Error {
  constructor(code, message, details) {
    super(message, details?.cause && { cause: details.cause })
    this.code = code
    for (const field of ['syscall', 'errno', 'path']) {
      if (details?.[field] !== undefined) this[field] = details[field]
    }
  }
}

/** The write lock was not granted in time. Nothing was written; the call may be repeated. */
class LockTimeout extends SqlockError {
  #holderInfo

  constructor(holder, timeoutMs, holderInfo = null) {
    super(
      'ERR_SQLOCK_TIMEOUT',
      `write lock timeout after ${timeoutMs}ms\n  holder: ${holder}\n  try again or check if holder process is stuck`
    )
    this.holder = holder
    this.timeoutMs = timeoutMs
    this.#holderInfo = holderInfo
  }

  /** An accessor of the prototype and so not enumerable: logs do not carry the command lines of others. */
  get holderInfo() {
    return this.#holderInfo
  }
}

/** An error of SQLite; `sql`: the statement, where it is known. */
class SqliteError extends Error {
  constructor({ message, code, errcode, errstr, sql = undefined, offset }) {
    super(message)
    Object.assign(this, { code, errcode, errstr })
    if (sql !== null && sql !== undefined) this.sql = sql
    this.offset = offset
  }
}

/** batch(): one statement failed and everything was rolled back. */
class BatchError extends SqliteError {
  constructor(failure) {
    super(failure)
    this.cause = new SqliteError(failure)
    this.statementIndex = failure.statementIndex
  }
}

for (const [name, errorClass] of Object.entries({ SqlockError, LockTimeout, SqliteError, BatchError })) {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true })
}

/** A TypeError as Node throws it for an argument of a wrong type. */
function argumentTypeError(message) {
  return Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' })
}

/** A TypeError as Node throws it for an argument of the right type that cannot be used. */
function argumentValueError(message) {
  return Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' })
}

/** A RangeError as Node throws it. */
function outOfRange(message) {
  return Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' })
}

/** There is too little memory for a value, as SQLite tells it. */
function outOfMemory() {
  const message = 'out of memory'
  return new SqliteError({ message, code: 'SQLITE_NOMEM', errcode: 7, errstr: message, offset: -1 })
}

/** Makes room as large as a value of a caller. Node's own error is a RangeError without a code. */
function withMemory(make) {
  try {
    return make()
  } catch {
    throw outOfMemory()
  }
}

module.exports = {
  SqlockError,
  LockTimeout,
  SqliteError,
  BatchError,
  argumentTypeError,
  argumentValueError,
  outOfMemory,
  outOfRange,
  withMemory
}
