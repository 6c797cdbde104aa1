/**
 * Bytes that a caller binds: a Buffer, another view, or an ArrayBuffer.
 *
 * The memory belongs to the caller until it is copied, and the caller can take it away before that: a transfer detaches an ArrayBuffer,
 * and a resizable one can shrink. A view of memory that is gone looks like an empty view, and would be stored as an empty BLOB.
 */
'use strict'

const { isArrayBuffer, isDataView } = require('node:util').types
const { argumentTypeError, outOfRange, withMemory } = require('./errors')

/** SQLite's limit for one value: https://www.sqlite.org/limits.html#max_length. */
const MAX_VALUE_BYTES = 1e9

const isBytes = value => ArrayBuffer.isView(value) || isArrayBuffer(value)

class Bytes {
  #name
  #view
  #length

  /** @param name the parameter, for errors */
  constructor(name, value) {
    const length = sizeOf(value)
    if (length === undefined) throw gone(name)
    checkSize(name, length)
    this.#name = name
    // Both views have a fixed length. A view without one follows its buffer when that is resized.
    this.#view = isArrayBuffer(value)
      ? new Uint8Array(value, 0, length)
      : new Uint8Array(value.buffer, value.byteOffset, length)
    this.#length = length
  }

  /** The memory. Throws a TypeError when the caller has taken it away meanwhile. */
  get view() {
    if (this.#view.length !== this.#length) throw gone(this.#name)
    return this.#view
  }

  /** The same bytes in memory of their own. */
  copy() {
    const { view } = this
    return new Bytes(
      this.#name,
      withMemory(() => view.slice())
    )
  }
}

/** How many bytes there are, or undefined when their memory is gone. */
function sizeOf(value) {
  try {
    const { byteLength } = value
    if (byteLength > 0 || isDataView(value)) return byteLength
    // These two throw if the memory is gone, and not if there are no bytes.
    if (isArrayBuffer(value)) value.slice(0, 0)
    else Uint8Array.prototype.keys.call(value)
    return byteLength
  } catch {
    return undefined
  }
}

const gone = name =>
  argumentTypeError(`${name} has lost its memory: the ArrayBuffer was transferred (detached), or has shrunk`)

/** A plan whose bytes are copies, for a read that goes on after its call. */
function owned(plan) {
  const { positional, named } = plan.statement
  if (!positional.some(isOfCaller) && !named.some(isOfCaller)) return plan
  const own = value => (isOfCaller(value) ? value.copy() : value)
  return { ...plan, statement: { ...plan.statement, positional: positional.map(own), named: named.map(own) } }
}

const isOfCaller = value => value instanceof Bytes

/** Refuses what SQLite would refuse, before it is copied. */
function checkSize(name, size) {
  if (size > MAX_VALUE_BYTES) {
    throw outOfRange(`${name} has ${size} bytes; SQLite takes at most ${MAX_VALUE_BYTES} in one value`)
  }
}

module.exports = { Bytes, MAX_VALUE_BYTES, checkSize, isBytes, owned }
