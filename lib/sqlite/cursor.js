/**
 * A statement whose rows are read a chunk at a time, and the snapshot that it has of its own.
 */
'use strict'

const { SqlockError } = require('../base/errors')
const { call, settled } = require('../base/failures')

/** Takes out what was collected. */
const collected = new FinalizationRegistry(({ all, self }) => all.delete(self))

class Cursor {
  #native
  #all
  #self = new WeakRef(this)
  #closed = false

  /** @param all those of a DB that have not come to their end */
  constructor(native, all) {
    this.#native = native
    this.#all = all
    all.add(this.#self)
    collected.register(this, { all, self: this.#self })
  }

  next() {
    this.#throwIfClosed()
    return call(() => this.#native.nextSync())
  }

  async nextAsync() {
    this.#throwIfClosed()
    try {
      return await settled(this.#native.next())
    } finally {
      // The close interrupts it: whether it has ended, or how it has failed, does not count any more.
      this.#throwIfClosed()
    }
  }

  end() {
    this.#all.delete(this.#self)
    this.#native.close()
  }

  /** The DB is closed under it. */
  close() {
    this.#closed = true
    this.end()
  }

  #throwIfClosed() {
    if (this.#closed)
      throw new SqlockError('ERR_SQLOCK_CLOSED', 'the database was closed under this iterator')
  }
}

module.exports = { Cursor }
