/**
 * What a value is, for an error message: its type, and never the value itself. Arguments may be passwords, and messages go to logs.
 */
'use strict'

function kindOf(value) {
  switch (typeof value) {
    case 'undefined':
      return 'undefined'
    case 'string':
      return value === '' ? 'an empty string' : 'a string'
    case 'number':
      return kindOfNumber(value)
    case 'object':
      return value === null ? 'null' : kindOfObject(value)
    default:
      return `a ${typeof value}`
  }
}

function kindOfNumber(value) {
  if (!Number.isFinite(value)) return String(value)
  if (!Number.isInteger(value)) return 'a number with a fraction'
  if (value < 0) return 'a negative number'
  return value === 0 ? '0' : 'a number'
}

/** The name of its class is code of the caller, and no value. Looking at some objects throws: a revoked proxy, a getter. */
function kindOfObject(value) {
  try {
    if (Array.isArray(value)) return 'an array'
    const { name } = Object.getPrototypeOf(value).constructor
    return /^[A-Z]\w{0,40}$/.test(name) && name !== 'Object' ? `an instance of ${name}` : 'an object'
  } catch {
    return 'an object'
  }
}

module.exports = { kindOf }
