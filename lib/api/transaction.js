/**
 * A transaction as its caller has it.
 */
'use strict'

const { SqlockError } = require('../base/errors')
const { issue } = require('../scope/issue')
const { checkFunction } = require('./options')
const { Queryable } = require('./queryable')
const { transactionIn } = require('../scope/scope')

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
      const open = await this.#session.holds.begin(target, { timeout }, this.begin)
      return new Transaction(this.#session, open)
    })
  }

  async commit() {
    await this.#target().commit()
  }

  async rollback() {
    await this.#target().rollback()
  }

  async [Symbol.asyncDispose]() {
    await this.rollback()
  }

  async #savepoint(target, fn) {
    checkFunction('fn', fn)
    const { timeout } = this.#session.options
    return this.#session.holds.transact(
      target,
      open => fn(new Transaction(this.#session, open)),
      { timeout },
      this.savepoint
    )
  }

  #target() {
    if (transactionIn(inner => inner.isWithin(this.#open))) {
      throw new SqlockError(
        'ERR_SQLOCK_DEADLOCK',
        'the outer transaction waits for the savepoint it is used in'
      )
    }
    return this.#open
  }
}

module.exports = { Transaction }
