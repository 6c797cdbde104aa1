/**
 * Argument checks and defaults: the only place in JavaScript where defaults are written. Each bad argument is named.
 */
'use strict'

const { basename, resolve, sep } = require('node:path')
const { fileURLToPath } = require('node:url')
const { Watch, watch } = require('../base/abort')
const { argumentTypeError, argumentValueError, outOfRange } = require('../base/errors')
const { kindOf } = require('../base/kind')

const LABEL_MAX_CHARS = 200
/** The lock file, and what is beside it on Windows. Some file systems make no difference between `A` and `a`. */
const LOCK_FILES = new Set(['db.lock', 'db.lock.holder'])
/** The most that an error shows of the name of an unknown option. */
const NAME_MAX_CHARS = 80
const MODE_MAX = 0o777
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

/** @type {any} */
const DEFAULTS = Object.freeze({
  timeout: 500,
  busyTimeout: 500,
  synchronous: 'NORMAL',
  foreignKeys: true,
  readonly: false,
  fileMustExist: false,
  integers: 'number',
  maxQueue: Infinity,
  readers: 2
})

/** SQLite counts pages in an int. */
const PAGES_MAX = 2 ** 31 - 1
const PAGES_PER_STEP = 256
const PAGE_SIZES = new Set([512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536])

const MIGRATE_DEFAULTS = Object.freeze({ timeout: 60_000, table: '_sqlock_migrations' })

/** Options of other libraries, and what to use here instead. */
const INSTEAD = {
  options: {
    __proto__: null,
    verbose:
      'subscribe to the channel sqlock:batch of node:diagnostics_channel to see the statements that are written',
    nativeBinding: 'the addon is found without it',
    readOnly: 'the option is readonly',
    open: 'a DB is open from the start',
    enableForeignKeyConstraints: 'the option is foreignKeys',
    defaultSafeIntegers: "use integers: 'bigint'",
    readBigInts: "use integers: 'bigint'"
  }
}

function checkOptions(name, value, known) {
  if (value === undefined) return {}
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw argumentTypeError(`${name} must be an object, not ${kindOf(value)}`)
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      const shown = key.slice(0, NAME_MAX_CHARS)
      const instead = INSTEAD[name]?.[key]
      throw argumentTypeError(
        `unknown option '${shown}' in ${name}; ${instead ?? `known are ${known.join(', ')}`}`
      )
    }
  }
  return value
}

/** Checks each item of a list. Items are read once, by index, since the iterator of a caller may never end. */
function checkEach(name, list, check) {
  if (!Array.isArray(list)) throw argumentTypeError(`${name} must be an array, not ${kindOf(list)}`)
  const { length } = list
  const checked = []
  for (let n = 0; n < length; n++) checked.push(check(list[n], n))
  return checked
}

function checkFunction(name, value) {
  if (typeof value !== 'function') throw argumentTypeError(`${name} must be a function, not ${kindOf(value)}`)
}

function checkBoolean(name, value) {
  if (typeof value !== 'boolean') throw argumentTypeError(`${name} must be a boolean, not ${kindOf(value)}`)
  return value
}

function checkOneOf(name, value, choices) {
  if (!choices.includes(value)) {
    const given = typeof value === 'string' ? 'another string' : kindOf(value)
    throw argumentTypeError(`${name} must be one of '${choices.join("', '")}', not ${given}`)
  }
  return value
}

function checkIntegerMode(name, value) {
  return checkOneOf(name, value, ['number', 'bigint', 'auto'])
}

function checkString(name, value) {
  if (typeof value !== 'string') throw argumentTypeError(`${name} must be a string, not ${kindOf(value)}`)
  if (!value.isWellFormed()) {
    throw argumentTypeError(`${name} has a lone surrogate, which UTF-8 cannot represent`)
  }
  return value
}

/** Milliseconds, 0 or more; Infinity is for ever. */
function checkDuration(name, value) {
  if (typeof value !== 'number')
    throw argumentTypeError(`${name} must be a number of ms, not ${kindOf(value)}`)
  if (!(value >= 0)) throw outOfRange(`${name} must be 0 ms or more, not ${kindOf(value)}`)
  return value
}

/** A whole number from 1 on, or Infinity. */
function checkCount(name, value) {
  if (typeof value !== 'number') throw argumentTypeError(`${name} must be a number, not ${kindOf(value)}`)
  if (!(value >= 1) || (value !== Infinity && !Number.isSafeInteger(value))) {
    throw outOfRange(`${name} must be a whole number from 1 on, or Infinity, not ${kindOf(value)}`)
  }
  return value
}

/** An integer of at most 64 bits; a number must be a safe integer. */
function checkInteger(name, value) {
  if (typeof value === 'bigint') {
    if (value > INT64_MAX || value < INT64_MIN) {
      throw outOfRange(`${name} must be an integer of at most 64 bits`)
    }
    return value
  }
  if (typeof value !== 'number') {
    throw argumentTypeError(`${name} must be an integer (number or bigint), not ${kindOf(value)}`)
  }
  if (!Number.isSafeInteger(value)) {
    throw outOfRange(
      Number.isInteger(value)
        ? `${name} must be an integer that has lost no digits: use a bigint beyond 2^53 - 1`
        : `${name} must be an integer, not ${kindOf(value)}`
    )
  }
  return value
}

/** Recognised by its properties: an object of another realm, as in a test runner, is no instance of this realm's class. */
const isUrl = value => typeof value?.href === 'string' && typeof value.protocol === 'string'
const isSignal = value => typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function'

function checkPath(name, value) {
  if (isUrl(value)) return checkPath(name, pathOf(value))
  checkString(name, value)
  if (value === '') throw argumentTypeError(`${name} must not be empty`)
  if (value.includes('\0')) throw argumentValueError(`${name} must not have a NUL in it`)
  return value
}

/** Node's error has the URL as a property, which is a value of the caller. */
function pathOf(url) {
  try {
    return fileURLToPath(url)
  } catch (error) {
    delete error.input
    throw error
  }
}

function checkDatabasePath(value, argument = 'dbPath') {
  const path = checkPath(argument, value)
  if (path === ':memory:') {
    throw argumentTypeError(
      `${argument} must be a file, which all connections share: instead of ':memory:' use one in a temporary directory (fs.mkdtemp)`
    )
  }
  const name = basename(path)
  if (LOCK_FILES.has(name.toLowerCase()))
    throw argumentValueError(`${argument} must not be ${name}, which is a lock file of its directory`)
  if (name === '' || path.endsWith('/') || path.endsWith(sep))
    throw argumentValueError(`${argument} must name a file, and not end with '${sep}'`)
  return path
}

/** An absolute path, so that a later chdir does not change it. */
function checkDestination(value) {
  return resolve(checkDatabasePath(value, 'destination'))
}

function checkLabel(value) {
  checkString('label', value)
  if (value.length > LABEL_MAX_CHARS) {
    throw outOfRange(`label must have at most ${LABEL_MAX_CHARS} characters, not ${value.length}`)
  }
  if (/\p{Cc}|\p{Zl}|\p{Zp}/u.test(value)) {
    throw argumentValueError(`label must be one line of printable characters`)
  }
  return value
}

function checkMode(value) {
  if (typeof value !== 'number') throw argumentTypeError(`mode must be a number, not ${kindOf(value)}`)
  if (!Number.isInteger(value) || value < 0 || value > MODE_MAX) {
    throw outOfRange(`mode must be permission bits from 0 to 0o777`)
  }
  return value
}

/** The Watch of a signal, see lib/base/abort.js. */
function checkSignal(value) {
  if (!(value instanceof Watch) && !isSignal(value)) {
    throw argumentTypeError(`signal must be an AbortSignal, not ${kindOf(value)}`)
  }
  return watch(value)
}

/** Checks `value` unless it is undefined. */
const optional = (value, check, fallback) => (value === undefined ? fallback : check(value))

/** `{ file, longHoldMs }`: what the engine needs to open the lock file, and what stays here. */
function checkLockOptions(name, value) {
  const { label, mode, longHoldMs } = checkOptions(name, value, ['label', 'mode', 'longHoldMs'])
  return {
    file: { label: optional(label, checkLabel), mode: optional(mode, checkMode) },
    longHoldMs: optional(longHoldMs, ms => checkDuration('longHoldMs', ms), Infinity)
  }
}

/** A timeout in ms, or `{ timeout, signal }`. */
function checkAcquireOptions(value, defaultTimeout = DEFAULTS.timeout) {
  const options = typeof value === 'number' ? { timeout: value } : value
  const { timeout, signal } = checkOptions('options', options, ['timeout', 'signal'])
  return {
    timeout: optional(timeout, ms => checkDuration('timeout', ms), defaultTimeout),
    signal: optional(signal, checkSignal)
  }
}

const DATABASE_OPTIONS = [
  'readonly',
  'fileMustExist',
  'timeout',
  'busyTimeout',
  'synchronous',
  'foreignKeys',
  'pageSize',
  'autoVacuum',
  'integers',
  'maxQueue',
  'readers',
  'lock'
]

function checkDatabaseOptions(value) {
  const options = {
    ...DEFAULTS,
    ...given(checkOptions('options', value, DATABASE_OPTIONS), DATABASE_OPTIONS)
  }
  const busyTimeoutMs = checkDuration('busyTimeout', options.busyTimeout)
  if (busyTimeoutMs > 0x7fff_ffff) {
    throw outOfRange(`busyTimeout must be at most ${0x7fff_ffff} ms`)
  }
  const lock = checkLockOptions('lock', options.lock)
  const readonly = checkBoolean('readonly', options.readonly)
  return {
    timeout: checkDuration('timeout', options.timeout),
    maxQueue: checkCount('maxQueue', options.maxQueue),
    integers: checkIntegerMode('integers', options.integers),
    longHoldMs: lock.longHoldMs,
    file: {
      readonly,
      readers: checkCount('readers', options.readers),
      fileMustExist: checkBoolean('fileMustExist', options.fileMustExist),
      busyTimeoutMs,
      synchronousFull: checkOneOf('synchronous', options.synchronous, ['NORMAL', 'FULL']) === 'FULL',
      foreignKeys: checkBoolean('foreignKeys', options.foreignKeys),
      ...checkLayout(options, readonly),
      lock: lock.file
    }
  }
}

/** Options of a new database; undefined is SQLite's own default. */
function checkLayout({ pageSize, autoVacuum }, readonly) {
  for (const [name, value] of Object.entries({ pageSize, autoVacuum })) {
    if (readonly && value !== undefined) {
      throw argumentValueError(
        `${name} is for a new database, and a DB with readonly makes none: leave it out`
      )
    }
  }
  return {
    pageSize: optional(pageSize, checkPageSize),
    autoVacuum: optional(autoVacuum, mode => checkOneOf('autoVacuum', mode, ['NONE', 'FULL', 'INCREMENTAL']))
  }
}

function checkPageSize(value) {
  if (typeof value !== 'number') throw argumentTypeError(`pageSize must be a number, not ${kindOf(value)}`)
  if (!PAGE_SIZES.has(value)) {
    throw outOfRange('pageSize must be a power of two from 512 to 65,536')
  }
  return value
}

/** The options that are not undefined, inherited ones included. */
function given(options, names) {
  return Object.fromEntries(
    names.map(name => [name, options[name]]).filter(([, value]) => value !== undefined)
  )
}

function checkPragma(source, options) {
  const { simple } = checkOptions('options', options, ['simple'])
  return {
    source: checkString('source', source),
    simple: optional(simple, value => checkBoolean('simple', value), false)
  }
}

function checkCheckpointMode(value = 'PASSIVE') {
  return checkOneOf('mode', value, ['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])
}

function checkBackupOptions(value) {
  const options = checkOptions('options', value, ['progress', 'pagesPerStep', 'signal'])
  const { progress, pagesPerStep, signal } = options
  if (progress !== undefined) checkFunction('progress', progress)
  const pages = optional(pagesPerStep, count => checkCount('pagesPerStep', count), PAGES_PER_STEP)
  return {
    progress,
    pagesPerStep: Math.min(pages, PAGES_MAX),
    signal: optional(signal, checkSignal)
  }
}

/** Commits are waited for no longer than `interval`. */
function checkInterval(value) {
  checkDuration('interval', value)
  if (value === 0) throw outOfRange('interval must be more than 0 ms')
  return value
}

function checkChangesOptions(value) {
  const { signal, interval } = checkOptions('options', value, ['signal', 'interval'])
  return { signal: optional(signal, checkSignal), interval: optional(interval, checkInterval, Infinity) }
}

function checkCloseOptions(value) {
  const { timeout } = checkOptions('options', value, ['timeout'])
  return { timeout: optional(timeout, ms => checkDuration('timeout', ms), Infinity) }
}

function checkMigrateOptions(value) {
  const { timeout, signal, table } = checkOptions('options', value, ['timeout', 'signal', 'table'])
  return {
    ...checkAcquireOptions({ timeout, signal }, MIGRATE_DEFAULTS.timeout),
    table: optional(table, name => checkTableName(name), MIGRATE_DEFAULTS.table)
  }
}

function checkTableName(value) {
  checkString('table', value)
  if (value === '' || value.includes('\0')) {
    throw argumentValueError(`table must be the name of a table: not empty, and without a NUL`)
  }
  return value
}

module.exports = {
  checkAcquireOptions,
  checkBackupOptions,
  checkBoolean,
  checkChangesOptions,
  checkCheckpointMode,
  checkCloseOptions,
  checkDatabaseOptions,
  checkDatabasePath,
  checkDestination,
  checkEach,
  checkFunction,
  checkInteger,
  checkIntegerMode,
  checkLockOptions,
  checkMigrateOptions,
  checkOptions,
  checkPath,
  checkPragma,
  checkString
}
