/**
 * Failures: errors as plain data, the form in which an engine reports them. A failure becomes an error of its class where a caller
 * awaits or makes the call, so that the stack of the error shows that caller.
 */
'use strict'

const { constants } = require('node:os')
const { getSystemErrorMap } = require('node:util')
const {
  BatchError,
  LockTimeout,
  SqliteError,
  SqlockError,
  argumentValueError,
  outOfRange
} = require('./errors')

/** The reason of a signal on its way to the caller, who may have given anything: also what looks like a failure. */
const aborted = reason => ({ kind: 'aborted', reason })

/** The failure of a timeout with the whole timeout of the call, instead of what was left of it when it entered the queue. */
function withFullTimeout(failure, timeoutMs) {
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
  const text = name === 'UNKNOWN' ? message : (getSystemErrorMap().get(-errno)?.[1] ?? message)
  const cause = new Error(`${name}: ${text}, ${syscall} '${path}'`)
  Object.assign(cause, { errno: -errno, code: name, syscall, path })
  return new SqlockError(code, cause.message, { syscall, errno: name, path, cause })
}

/** On Windows, libuv has numbers of its own; elsewhere it has not all of those of the system. */
function nameOf(errno) {
  const known = getSystemErrorMap().get(-errno)
  if (known) return known[0]
  const named = Object.entries(constants.errno).find(([, number]) => number === errno)
  return named ? named[0] : `errno ${errno}`
}

/** Runs a call of an engine. Its failure is thrown as an error of its class, with the stack of the caller. */
function call(work) {
  try {
    return work()
  } catch (failure) {
    throw fromFailure(failure)
  }
}

/** Awaits what an engine was asked for. An async function, so that the stack of a new error shows who awaits it. */
async function settled(promise) {
  try {
    return await promise
  } catch (failure) {
    throw fromFailure(failure)
  }
}

module.exports = { aborted, withFullTimeout, call, fromFailure, ruleFailure, settled }
