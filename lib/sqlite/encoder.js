/**
 * Writes as the addon takes them: one block of bytes, and the SQL texts. src/sqlite/codec.rs describes the form.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { Buffer, constants } = require('node:buffer')
const { outOfRange, withMemory } = require('../base/errors')
const { formOf } = require('./form')

const CREATE_RECORD = 0
const UPDATE_RECORD = 1
const RUN = 2
const ALL = 3
const EXEC = 4
const CONTROL = 5
const QUERY = 6

/** The steps of a transaction. `undo` rolls back a savepoint and releases it. */
const STEPS = {
  begin: 0,
  commit: 1,
  rollback: 2,
  savepoint: 3,
  release: 4,
  undo: 5,
  beginWithoutForeignKeys: 6
}

const NULL = 0
const INTEGER = 1
const REAL = 2
const TEXT = 3
const BLOB = 4
const NAMED = 0x80

const MIN_BYTES = 256
/** An encoder that is used again does not keep the room of a huge value. */
const KEPT_BYTES = 2 ** 16
/** Up to this length a text is given the room it may need at most; beyond, its length in UTF-8 is counted. */
const SHORT_TEXT = 1024

/** @implements {Engine.Encoder} */
class Encoder {
  #bytes = Buffer.allocUnsafe(MIN_BYTES)
  #length = 0
  #statements = new Map()
  /** The statements in the order of their use since the last `takeUsed()`, each run of the same one once. */
  #used = []

  get length() {
    return this.#length
  }

  get statements() {
    return [...this.#statements.keys()]
  }

  /** The texts that were used since this was last asked, each once. */
  takeUsed() {
    return [...new Set(this.#used.splice(0))]
  }

  /** Forgets everything, to be used again. */
  reset() {
    this.#length = 0
    if (this.#statements.size > 0) this.#statements.clear()
    this.#used.length = 0
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(MIN_BYTES)
  }

  /** All of its room, of which the beginning is used: a view of that would have to be made each time. */
  get room() {
    return this.#bytes
  }

  /** What was put down from a length on. */
  bytesFrom(length) {
    return this.#bytes.subarray(length, this.#length)
  }

  /** Puts down all that `encode` does. When that throws, all of it is taken back. */
  put(encode) {
    const [length, texts, used] = [this.#length, this.#statements.size, this.#used.length]
    try {
      encode(this)
    } catch (error) {
      this.#length = length
      this.#used.length = used
      for (const sql of [...this.#statements.keys()].slice(texts)) this.#statements.delete(sql)
      throw error
    }
  }

  createRecord(name, value) {
    this.#putByte(CREATE_RECORD)
    this.#putInteger(value)
    this.#putText(name)
  }

  updateRecord(id, value) {
    this.#putByte(UPDATE_RECORD)
    this.#putInteger(id)
    this.#putInteger(value)
  }

  run(statement) {
    this.#putByte(RUN)
    this.#putStatement(statement)
  }

  /** Like run, and the rows that it returns are wanted as a plan says; `first` for the first row alone. */
  query(plan, first) {
    this.#putByte(QUERY)
    this.#putByte(formOf(plan, first))
    this.#putStatement(plan.statement)
  }

  #putStatement(statement) {
    this.#putLength(this.#indexOf(statement.sql))
    this.parameters(statement)
  }

  /** The values alone. */
  parameters({ positional, names, named }) {
    this.#putLength(positional.length + names.length)
    for (const value of positional) this.#putValue(0, value)
    for (let n = 0; n < names.length; n++) this.#putValue(NAMED, named[n], names[n])
  }

  /** All of these or nothing. */
  all(statements) {
    this.#putByte(ALL)
    this.#putLength(statements.length)
    for (const statement of statements) this.run(statement)
  }

  exec(sql) {
    this.#putByte(EXEC)
    this.#putLength(this.#indexOf(sql))
  }

  /** A step of a transaction. */
  control(step) {
    this.#putByte(CONTROL)
    this.#putByte(STEPS[step])
  }

  #indexOf(sql) {
    let index = this.#statements.get(sql)
    if (index === undefined) this.#statements.set(sql, (index = this.#statements.size))
    if (this.#used.at(-1) !== sql) this.#used.push(sql)
    return index
  }

  #putValue(flags, value, name) {
    const tag = tagOf(value)
    this.#putByte(tag | flags)
    if (name !== undefined) this.#putText(name)
    if (tag === INTEGER) this.#putInteger(value)
    else if (tag === REAL) this.#putReal(value)
    else if (tag === TEXT) this.#putText(value)
    else if (tag === BLOB) this.#putBytes(value.view)
  }

  #putByte(byte) {
    this.#reserve(1)
    this.#bytes[this.#length++] = byte
  }

  #putLength(length) {
    this.#reserve(4)
    this.#length = this.#bytes.writeUInt32LE(length, this.#length)
  }

  #putInteger(value) {
    this.#reserve(8)
    if (typeof value === 'bigint') {
      this.#length = this.#bytes.writeBigInt64LE(value, this.#length)
      return
    }
    const high = Math.floor(value / 2 ** 32)
    this.#length = this.#bytes.writeUInt32LE(value - high * 2 ** 32, this.#length)
    this.#length = this.#bytes.writeInt32LE(high, this.#length)
  }

  #putReal(value) {
    this.#reserve(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  #putText(text) {
    this.#reserve(4 + (text.length > SHORT_TEXT ? Buffer.byteLength(text) : 3 * text.length))
    const written = this.#bytes.write(text, this.#length + 4)
    this.#bytes.writeUInt32LE(written, this.#length)
    this.#length += 4 + written
  }

  #putBytes(bytes) {
    this.#putLength(bytes.length)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(room) {
    if (this.#length + room <= this.#bytes.length) return
    const needed = this.#length + room
    if (needed > constants.MAX_LENGTH) {
      throw outOfRange(`the values of one call must be at most ${constants.MAX_LENGTH} bytes together`)
    }
    const size = Math.min(Math.max(2 * this.#bytes.length, needed), constants.MAX_LENGTH)
    const bytes = withMemory(() => Buffer.allocUnsafe(size))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}

/** A whole number is an INTEGER, but for -0, which only a REAL can hold. */
function tagOf(value) {
  if (value === null) return NULL
  if (typeof value === 'string') return TEXT
  if (typeof value === 'bigint') return INTEGER
  if (typeof value === 'object') return BLOB
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? INTEGER : REAL
}

module.exports = { Encoder }
