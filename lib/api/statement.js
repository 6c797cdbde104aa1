/**
 * A statement that is prepared once: its text, what it is, and how its rows come.
 */
'use strict'

const { argumentTypeError } = require('../base/errors')
const { issue, issueRows } = require('../scope/issue')
const { checkBoolean, checkIntegerMode, checkString } = require('./options')
const { checkStatement } = require('./parameters')

class Statement {
  #session
  #find
  #sql
  /** Does it return rows, and can it change nothing? Both are known by its text, whatever the schema. */
  #reader
  #readonly
  #mode
  /** As what a row comes: see lib/sqlite/rows.js. */
  #form = 'object'

  /** @param find finds the target of a call */
  constructor(session, find, sql) {
    this.#session = session
    this.#find = find
    this.#sql = checkStatement(checkString('sql', sql), []).sql
    const { columns, readonly } = session.describe(find(), sql)
    this.#reader = columns.length > 0
    this.#readonly = readonly
    this.#mode = session.options.integers
  }

  get source() {
    return this.#sql
  }

  get reader() {
    return this.#reader
  }

  get readonly() {
    return this.#readonly
  }

  run(...params) {
    return issue(this.#find, target => this.#session.run(target, checkStatement(this.#sql, params)))
  }

  get(...params) {
    return this.#session.first(this.#find(), this.#plan(params))
  }

  all(...params) {
    return this.#session.all(this.#find(), this.#plan(params))
  }

  iterate(...params) {
    return this.#session.iterate(this.#find(), this.#plan(params))
  }

  getAsync(...params) {
    return issue(this.#find, target => this.#session.getAsync(target, this.#plan(params)))
  }

  allAsync(...params) {
    return issue(this.#find, target => this.#session.allAsync(target, this.#plan(params)))
  }

  iterateAsync(...params) {
    return issueRows(this.#find, target => this.#session.iterateAsync(target, this.#plan(params)))
  }

  /** Only the first column. */
  pluck(on = true) {
    return this.#toggle('pluck', on)
  }

  /** Rows as arrays. */
  raw(on = true) {
    return this.#toggle('raw', on)
  }

  integers(mode) {
    this.#mode = checkIntegerMode('mode', mode)
    return this
  }

  /** By the schema as it is now, like the rows. */
  columns() {
    if (!this.reader) throw argumentTypeError('columns() is for statements that return rows')
    return this.#session.describe(this.#find(), this.#sql).columns
  }

  #toggle(form, on) {
    if (!this.reader) throw argumentTypeError(`${form}() is for statements that return rows`)
    if (checkBoolean('on', on)) this.#form = form
    else if (this.#form === form) this.#form = 'object'
    return this
  }

  #plan(params) {
    return { statement: checkStatement(this.#sql, params), mode: this.#mode, form: this.#form }
  }
}

module.exports = { Statement }
