/**
 * The transaction object that callers get.
 */
'use strict'

const { SqlockError } = require('../base/errors')
const { issue } = require('../scope/issue')
const { transactionIn } = require('../scope/scope')
const { checkFunction } = require('./options')
const { Queryable } = require('./queryable')

class Transaction extends Queryable {
  #session
  #open
  #find = () => this.#target()

  constructor(session, open) {
    super(session, () => this.#target())
    this.#session = session
    this.#open = open
  }

  get active() {
    return this.#open.active && !this.#open.isRolledBack
  }

  savepoint(fn) {
    return issue(this.#find, target => this.#savepoint(target, fn))
  }

  begin() {
    return issue(this.#find, async target => {
      const { timeout } = this.#session.options
      const open = await this.#session.holds.begin(target, { timeout, caller: this.begin })
      return new Transaction(this.#session, open)
    })
  }

  async commit() {
    this.#assertUsable()
    await this.#open.commit()
  }

  async rollback() {
    this.#assertUsable()
    await this.#open.rollback()
  }

  async [Symbol.asyncDispose]() {
    await this.rollback()
  }

  async #savepoint(target, fn) {
    checkFunction('fn', fn)
    const { timeout } = this.#session.options
    const run = open => fn(new Transaction(this.#session, open))
    return this.#session.holds.transact(target, run, { timeout, caller: this.savepoint })
  }

  #target() {
    this.#assertUsable()
    return this.#open.target
  }

  #assertUsable() {
    if (transactionIn(inner => inner.isWithin(this.#open))) {
      throw new SqlockError(
        'ERR_SQLOCK_DEADLOCK',
        'the outer transaction waits for the savepoint it is used in'
      )
    }
  }
}

module.exports = { Transaction }
