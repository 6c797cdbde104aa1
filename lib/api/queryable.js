/**
 * The methods that DB and Transaction share. Each runs its statement on the target that the call belongs to, see lib/scope/target.js.
 */
'use strict'

const { issue, issueRows } = require('../scope/issue')
const { checkAcquireOptions } = require('./options')
const { checkItems, checkQuery, checkRead, checkScript, checkStatement } = require('./parameters')
const { Statement } = require('./statement')

class Queryable {
  #session
  #find

  /** @param find finds the target of a call */
  constructor(session, find) {
    this.#session = session
    this.#find = find
  }

  prepare(sql) {
    return new Statement(this.#session, this.#find, sql)
  }

  run(query, ...params) {
    return issue(this.#find, target => {
      const { statement, ...options } = checkQuery(query, params, this.#session.options.timeout)
      return this.#session.run(target, statement, options)
    })
  }

  exec(script, ...values) {
    return issue(this.#find, target => {
      const { sql, ...options } = checkScript(script, values, this.#session.options.timeout)
      return this.#session.exec(target, sql, options)
    })
  }

  batch(items, options) {
    return issue(this.#find, target => {
      const statements = checkItems(items)
      const checked = checkAcquireOptions(options, this.#session.options.timeout)
      return this.#session.batch(target, statements, checked)
    })
  }

  get(sql, ...params) {
    return this.#session.first(this.#find(), this.#plan(checkStatement(sql, params)))
  }

  all(sql, ...params) {
    return this.#session.all(this.#find(), this.#plan(checkStatement(sql, params)))
  }

  iterate(sql, ...params) {
    return this.#session.iterate(this.#find(), this.#plan(checkStatement(sql, params)))
  }

  getAsync(query, ...params) {
    return issue(this.#find, target => {
      const { plan, ...options } = checkRead(query, params, this.#session.options)
      return this.#session.getAsync(target, plan, options)
    })
  }

  allAsync(query, ...params) {
    return issue(this.#find, target => {
      const { plan, ...options } = checkRead(query, params, this.#session.options)
      return this.#session.allAsync(target, plan, options)
    })
  }

  execute(query, ...params) {
    return issue(this.#find, target => {
      const { plan, ...options } = checkRead(query, params, this.#session.options)
      return this.#session.execute(target, plan, options)
    })
  }

  iterateAsync(query, ...params) {
    return issueRows(this.#find, target => {
      const { plan, signal } = checkRead(query, params, this.#session.options)
      return this.#session.iterateAsync(target, plan, signal)
    })
  }

  #plan(statement) {
    return { statement, mode: this.#session.options.integers, form: 'object' }
  }
}

module.exports = { Queryable }
