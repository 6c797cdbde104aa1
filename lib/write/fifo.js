/**
 * Items in the order in which they came, first in, first out. Any of them may leave at any time; that takes the same time for any number
 * of items.
 */
'use strict'

/** Places of items that have left are kept up to this number, or twice the number of items. */
const KEPT = 32

class Fifo {
  /** Items that have left keep their places until there are too many of them. */
  #places = []
  #first = 0
  #items = new Set()

  get size() {
    return this.#items.size
  }

  add(item) {
    this.#places.push(item)
    this.#items.add(item)
  }

  delete(item) {
    this.#items.delete(item)
    if (this.#items.size > 0 && this.#places.length <= Math.max(KEPT, 2 * this.#items.size)) return
    // A place keeps its item alive.
    this.#places = [...this.#items]
    this.#first = 0
  }

  /** The first item, if there is one. A Set alone would walk past all that have left each time. */
  get head() {
    const places = this.#places
    while (this.#first < places.length && !this.#items.has(places[this.#first])) this.#first++
    return places[this.#first]
  }

  [Symbol.iterator]() {
    return this.#items.values()
  }
}

module.exports = { Fifo }
