/**
 * The reads of the records API: the table `records (id, name, value)`. A database without the table has no records.
 */
'use strict'

const GET = 'SELECT id, name, value FROM main.records WHERE id = ?1'
const ALL = 'SELECT id, name, value FROM main.records ORDER BY id'
/** SQLite compares names without regard to case. */
const TABLE =
  "SELECT 1 FROM main.sqlite_schema WHERE name = 'records' COLLATE NOCASE AND type IN ('table', 'view')"

const NONE = Object.freeze([])

class Records {
  #session

  constructor(session) {
    this.#session = session
  }

  get(target, id) {
    return this.#read(target, () => this.#session.first(target, this.#plan(GET, [id])))
  }

  all(target) {
    return this.#read(target, () => this.#session.all(target, this.#plan(ALL))) ?? []
  }

  getAsync(target, id) {
    return this.#readAsync(target, () => this.#session.getAsync(target, this.#plan(GET, [id])))
  }

  async allAsync(target) {
    return (await this.#readAsync(target, () => this.#session.allAsync(target, this.#plan(ALL)))) ?? []
  }

  /** What `read` gives; undefined without the table. */
  #read(target, read) {
    try {
      return read()
    } catch (error) {
      throwIfOther(error)
      if (!this.#session.first(target, this.#plan(TABLE))) return undefined
    }
    // Another process has made the table since, or the error is of something else and comes again.
    return read()
  }

  async #readAsync(target, read) {
    try {
      return await read()
    } catch (error) {
      throwIfOther(error)
      if (!(await this.#session.getAsync(target, this.#plan(TABLE)))) return undefined
    }
    return read()
  }

  #plan(sql, positional = NONE) {
    const statement = { sql, positional, names: NONE, named: NONE }
    return { statement, mode: this.#session.options.integers, form: 'object' }
  }
}

/** Throws an error that does not come of a missing table. */
function throwIfOther(error) {
  if (error.code !== 'SQLITE_ERROR') throw error
}

module.exports = { Records }
