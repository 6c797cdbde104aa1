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
const { toObjects } = require('./rows')

class Queryable {
  #session
  #find
  #result = (batch, place) => ({
    changes: batch.changes(place),
    lastInsertRowid: this.#session.rowid(batch, place)
  })

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

  #run(target, query, params) {
    const { statement, timeout, signal } = checkQuery(query, params, this.#session.options.timeout)
    signal?.throwIfAborted()
    const { batch, place } = target.write(encoder => encoder.run(statement), { timeout, signal })
    return batch.outcome(place, this.#result)
  }

  #exec(target, script) {
    const { sql, timeout, signal } = checkScript(script, this.#session.options.timeout)
    signal?.throwIfAborted()
    const { batch, place } = target.write(encoder => encoder.exec(sql), { timeout, signal })
    return batch.outcome(place, this.#session.done)
  }

  #batch(target, items, options) {
    const statements = checkItems(items)
    const { timeout, signal } = checkAcquireOptions(options, this.#session.options.timeout)
    signal?.throwIfAborted()
    const { length: count } = statements
    if (count === 0) return Promise.resolve([])
    const { batch, place } = target.write(encoder => encoder.all(statements), { timeout, signal, count })
    return batch.outcome(place, () => statements.map((_, n) => this.#result(batch, place + n)))
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
}

/** Does what a caller awaits, on the target that it belongs to. Never throws: what goes wrong is a rejection. */
function issue(find, work) {
  try {
    const target = find()
    return target.track(work(target))
  } catch (error) {
    return Promise.reject(error)
  }
}

module.exports = { Queryable, issue }
