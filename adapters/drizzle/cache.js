/**
 * The cache of a caller, which is neither asked nor filled in a transaction: what is read there may be rolled back, and would be
 * given to everybody. It is told of writes wherever they are made.
 */
'use strict'

function defineCache({ Cache, entityKind }) {
  return class CommittedCache extends Cache {
    static [entityKind] = 'SqlockCommittedCache'
    #cache
    #client

    /** @param client a DB, or a Transaction */
    constructor(cache, client) {
      super()
      this.#cache = cache
      this.#client = client
    }

    strategy() {
      return this.#cache.strategy()
    }

    async get(...query) {
      return this.#isInTransaction ? undefined : this.#cache.get(...query)
    }

    async put(...result) {
      if (!this.#isInTransaction) await this.#cache.put(...result)
    }

    onMutate(mutation) {
      return this.#cache.onMutate(mutation)
    }

    /** So does what is asked of the DB in the scope of a transaction belong to that. */
    get #isInTransaction() {
      return 'savepoint' in this.#client || this.#client.inWriteLock
    }
  }
}

module.exports = { defineCache }
