/**
 * What a database and a transaction both offer: statements that are run where the calls of the object belong at the moment.
 *
 * Such a target is an object with `write(encode, options)`, `read(work)` and `track(promise)`: see lib/session.js.
 */
'use strict'

const { Encoder } = require('./encoder')
const { call } = require('./native')
const { checkAcquireOptions } = require('./options')
const { checkItems, checkQuery, checkScript, checkStatement } = require('./parameters')
const { toIntegerMode, toObjects } = require('./rows')

class Queryable {
  #session
  #find

  /** @param find finds the target of a call */
  constructor(session, find) {
    this.#session = session
    this.#find = find
  }

  run(query, ...params) {
    return issue(this.#find, target => this.#run(target, query, params))
  }

  exec(sql) {
    return issue(this.#find, target => this.#exec(target, sql))
  }

  batch(items, options) {
    return issue(this.#find, target => this.#batch(target, items, options))
  }

  get(sql, ...params) {
    return this.#read(sql, params, true)[0]
  }

  all(sql, ...params) {
    return this.#read(sql, params, false)
  }

  iterate(sql, ...params) {
    return this.all(sql, ...params).values()
  }

  async #run(target, query, params) {
    const { statement, timeout, signal } = checkQuery(query, params, this.#session.options.timeout)
    if (signal?.aborted) throw signal.reason
    const { batch, place } = target.write(encoder => encoder.run(statement), { timeout, signal })
    while (!batch.settled(place)) await batch.progress
    const result = this.#resultOf(batch, place)
    this.#session.stats.wrote()
    return result
  }

  async #exec(target, script) {
    const { sql, timeout, signal } = checkScript(script, this.#session.options.timeout)
    if (signal?.aborted) throw signal.reason
    const { batch, place } = target.write(encoder => encoder.exec(sql), { timeout, signal })
    while (!batch.settled(place)) await batch.progress
    batch.changes(place)
    this.#session.stats.wrote()
  }

  async #batch(target, items, options) {
    const statements = checkItems(items)
    const { timeout, signal } = checkAcquireOptions(options, this.#session.options.timeout)
    if (signal?.aborted) throw signal.reason
    const { length: count } = statements
    if (count === 0) return []
    const { batch, place } = target.write(encoder => encoder.all(statements), { timeout, signal, count })
    while (!batch.settled(place)) await batch.progress
    const results = statements.map((_, n) => this.#resultOf(batch, place + n))
    this.#session.stats.wrote()
    return results
  }

  #read(sql, params, first) {
    const statement = checkStatement(sql, params)
    const encoder = new Encoder()
    encoder.run(statement)
    const { native, options } = this.#session
    const query = transaction => native.query(transaction, encoder.statements, encoder.bytesFrom(0), first)
    return toObjects(
      call(() => this.#find().read(query)),
      options.integers
    )
  }

  #resultOf(batch, place) {
    const lastInsertRowid = rowidOf(batch, place, this.#session.options.integers)
    return { changes: batch.changes(place), lastInsertRowid }
  }
}

/** The write is committed and cannot be refused any more, so a rowid that is no safe integer comes as it is. */
function rowidOf(batch, place, mode) {
  const rowid = batch.rowid(place)
  return typeof rowid === 'bigint' ? rowid : toIntegerMode(rowid, mode, 'rowid')
}

/** Does what a caller awaits, on the target that it belongs to. Never throws: what goes wrong is a rejection. */
function issue(find, work) {
  let target
  try {
    target = find()
  } catch (error) {
    return Promise.reject(error)
  }
  return target.track(work(target))
}

module.exports = { Queryable, issue, rowidOf }
