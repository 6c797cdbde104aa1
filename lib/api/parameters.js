/**
 * Statements as callers give them: run(sql, 1, 'a'), run(sql, [1, 'a']), run(sql, { id: 1 }), run(sql, 1, { b: 2 }),
 * run({ sql, params }), and the values that can be bound to them.
 */
'use strict'

const { Buffer } = require('node:buffer')
const { Bytes, MAX_VALUE_BYTES, checkSize, isBytes } = require('../base/bytes')
const { argumentTypeError, argumentValueError, outOfRange } = require('../base/errors')
const { kindOf } = require('../base/kind')
const {
  checkAcquireOptions,
  checkBoolean,
  checkChangesOptions,
  checkEach,
  checkInteger,
  checkIntegerMode,
  checkOptions,
  checkString
} = require('./options')

/** An object literal, or what another program has parsed: names and values. */
function isNames(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isBytes(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * `[positional, named]`: the values by position, and the object with those by name, if there is one.
 *
 * @returns {[any[], object | undefined]}
 */
function splitParameters(parameters) {
  const last = parameters.at(-1)
  if (parameters.length === 1 && Array.isArray(last)) return [last, undefined]
  return isNames(last) ? [parameters.slice(0, -1), last] : [parameters, undefined]
}

/**
 * The same of a `params` option: a list, or an object with names.
 *
 * @returns {[any[], object | undefined]}
 */
function splitParams(name, params) {
  if (params === undefined) return [[], undefined]
  if (Array.isArray(params)) return [params, undefined]
  if (isNames(params)) return [[], params]
  throw argumentTypeError(`${name} must be an array or an object with names, not ${kindOf(params)}`)
}

/**
 * What SQLite takes for a name behind `:`, `@` or `$`: https://www.sqlite.org/lang_expr.html#varparam. Its suffix in parentheses is
 * not gone past, since in a string it is none and may hide another name.
 */
const NAME = /[:@$]((?:[\w$\u0080-\uffff]|::)+)(?=(\([^\s()]*\))?)/g

/** The names that a text may mean. One in a string or a comment is a name too many, and does no harm. */
const namesIn = sql =>
  new Set(Array.from(sql.matchAll(NAME), ([, name, suffix]) => [name, name + (suffix ?? '')]).flat())

const NONE = Object.freeze([])

const bare = name => name.replace(/^[:@$]/, '')

function checkText(where, sql) {
  if (sql.includes('\0'))
    throw argumentValueError(`${where}sql must not have a NUL in it: SQLite would run what is before it`)
}

/**
 * A statement with its values, read and checked once: `{ sql, positional, names, named }`. Names that the text does not have are
 * passed over, so that a whole row may be given.
 */
function bound(sql, [positional, byName], where = '') {
  checkText(where, sql)
  const { length } = positional
  const values = []
  for (let n = 0; n < length; n++) {
    const value = positional[n]
    // The most common one is told without its name.
    values.push(Number.isSafeInteger(value) ? value : checkValue(`${where}parameter ${n + 1}`, value))
  }
  if (!byName) return { sql, positional: values, names: NONE, named: NONE }
  const known = namesIn(sql)
  const names = Object.keys(byName).filter(name => known.has(bare(name)))
  return {
    sql,
    positional: values,
    names,
    named: names.map(name => checkValue(`${where}parameter ${name}`, byName[name]))
  }
}

/** A text with its parameters. */
function checkStatement(sql, parameters) {
  return bound(checkString('sql', sql), splitParameters(parameters))
}

/** `{ sql, timeout, signal }` of a script, or of the same. */
function checkScript(script, values, defaultTimeout) {
  if (values.length > 0 || script?.params !== undefined) {
    throw argumentTypeError(
      'exec() takes no values: use run() for a statement with values, batch() for several'
    )
  }
  const options = typeof script === 'string' ? { sql: script } : script
  const { sql, timeout, signal } = checkOptions('script', options ?? null, ['sql', 'timeout', 'signal'])
  checkText('', checkString('sql', sql))
  return { sql, ...checkAcquireOptions({ timeout, signal }, defaultTimeout) }
}

const QUERY_OPTIONS = ['sql', 'params', 'timeout', 'signal']
const READ_OPTIONS = [...QUERY_OPTIONS, 'raw', 'integers']
const WATCH_OPTIONS = ['sql', 'params', 'signal', 'raw', 'integers', 'interval']

/** `{ statement, timeout, signal }` of a text with its parameters, or of `{ sql, params, timeout, signal }`. */
function checkQuery(query, parameters, defaultTimeout, known = QUERY_OPTIONS) {
  if (typeof query === 'string') {
    return { statement: checkStatement(query, parameters), timeout: defaultTimeout, signal: undefined }
  }
  const { sql, params, timeout, signal } = checkOptions('query', query ?? null, known)
  if (parameters.length > 0)
    throw argumentTypeError('parameters of a query with options belong into its params')
  const statement = bound(checkString('sql', sql), splitParams('params', params))
  return { statement, ...checkAcquireOptions({ timeout, signal }, defaultTimeout) }
}

/** The same of a read, `{ plan, timeout, signal }`: its options may also tell how its rows come, see lib/sqlite/reader.js. */
function checkRead(query, parameters, defaults) {
  const { statement, ...options } = checkQuery(query, parameters, defaults.timeout, READ_OPTIONS)
  const { raw = false, integers = defaults.integers } = typeof query === 'string' ? {} : query
  const form = checkBoolean('raw', raw) ? 'raw' : 'object'
  return { plan: { statement, mode: checkIntegerMode('integers', integers), form }, ...options }
}

/** The same of a read that is made again and again, `{ plan, signal, interval }`. */
function checkWatch(query, parameters, defaults) {
  if (typeof query === 'string')
    return { ...checkRead(query, parameters, defaults), ...checkChangesOptions() }
  const { interval, ...read } = checkOptions('query', query ?? null, WATCH_OPTIONS)
  const { plan, signal } = checkRead(read, parameters, defaults)
  return { plan, ...checkChangesOptions({ signal, interval }) }
}

/** The statements of a batch: texts, or `{ sql, params }`. */
function checkItems(items) {
  return checkEach('items', items, (item, n) => {
    const { sql, params } =
      typeof item === 'string' ? { sql: item } : checkOptions(`items[${n}]`, item ?? null, ['sql', 'params'])
    return bound(
      checkString(`items[${n}].sql`, sql),
      splitParams(`items[${n}].params`, params),
      `items[${n}]: `
    )
  })
}

/** A value that can be bound, as null, a number that is an INTEGER or a REAL, a bigint, a string or Bytes. */
function checkValue(name, value) {
  switch (typeof value) {
    case 'string':
      return checkTextValue(name, value)
    case 'number':
      return checkNumber(name, value)
    case 'bigint':
      return checkInteger(name, value)
    case 'boolean':
      return value ? 1 : 0
    default:
      if (value === null) return null
      if (isBytes(value)) return new Bytes(name, value)
      throw argumentTypeError(
        `${name} must be null, a number, bigint, string, boolean or bytes, not ${kindOf(value)}`
      )
  }
}

function checkTextValue(name, value) {
  checkString(name, value)
  // A character takes 3 bytes at most.
  if (value.length > MAX_VALUE_BYTES / 3) checkSize(name, Buffer.byteLength(value))
  return value
}

function checkNumber(name, value) {
  if (Number.isNaN(value)) throw outOfRange(`${name} must not be NaN: SQLite would make NULL of it`)
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) <= 2 ** 63) {
    throw outOfRange(`${name} may have lost digits: use a bigint beyond 2^53 - 1`)
  }
  return value
}

module.exports = { checkItems, checkQuery, checkRead, checkScript, checkStatement, checkWatch }
