/**
 * The error classes. Codes are part of the API and change only in a major version; messages may change at any time, but for
 * that of LockTimeout.
 */
'use strict'

const { constants } = require('node:os')
const { getSystemErrorMap } = require('node:util')

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

/** An error of SQLite. */
class SqliteError extends Error {
  constructor({ message, code, errcode, errstr, sql, offset }) {
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

/** The reason of a signal on its way to the caller, who may have given anything: also what looks like a failure. */
const aborted = reason => ({ kind: 'aborted', reason })

/** What the addon tells of a timeout, with what the caller was ready to wait instead of what was left of it. */
function asAskedFor(failure, timeoutMs) {
  return failure?.kind === 'timeout' ? { ...failure, timeoutMs } : failure
}

/** The error for what the addon tells of a failure; whatever else was thrown stays as it is. */
function fromFailure(failure) {
  switch (failure?.kind) {
    case 'aborted':
      return failure.reason
    case 'timeout':
      return new LockTimeout(failure.holder, failure.timeoutMs, failure.holderInfo)
    case 'sqlite':
      return failure.statementIndex === undefined ? new SqliteError(failure) : new BatchError(failure)
    case 'sqlock':
      return failure.syscall ? systemError(failure) : ruleError(failure)
    case 'range':
      return outOfRange(failure.message)
    case 'argument':
      return argumentValueError(failure.message)
    case 'panic':
      return new Error(`a bug in sqlock: ${failure.message}; please report it`)
    default:
      return failure
  }
}

function ruleError({ code, message, path, cause }) {
  return new SqlockError(code, message, { path, cause: cause && fromFailure(cause) })
}

/** A failure with a code of ours, as the addon would tell it: each of those who get it gets an error of its own. */
const ruleFailure = (code, message) => ({ kind: 'sqlock', code, message })

/** An error of the operating system in the form of Node's own: its name for the errno, and the error itself as cause. */
function systemError({ code, message, syscall, path, errno }) {
  const name = nameOf(errno)
  const cause = new Error(`${name}: ${getSystemErrorMap().get(-errno)?.[1] ?? message}, ${syscall} '${path}'`)
  Object.assign(cause, { errno: -errno, code: name, syscall, path })
  return new SqlockError(code, cause.message, { syscall, errno: name, path, cause })
}

function nameOf(errno) {
  const named = Object.entries(constants.errno).find(([, number]) => number === errno)
  return named ? named[0] : `errno ${errno}`
}

module.exports = {
  SqlockError,
  LockTimeout,
  SqliteError,
  BatchError,
  aborted,
  argumentTypeError,
  argumentValueError,
  asAskedFor,
  outOfRange,
  fromFailure,
  ruleFailure,
  withMemory
}
