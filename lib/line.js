/**
 * Items in the order in which they came. Any of them may leave at any time; whatever their number, that takes the same time.
 */
'use strict'

/** So many places of items that left are kept at most, or as many as there are items. */
const KEPT = 1024

class Line {
  /** Those that left stay here until they come to the head. */
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
  }

  /** The first item, if there is one. A Set alone would walk past all that have left each time. */
  get head() {
    const places = this.#places
    while (this.#first < places.length && !this.#items.has(places[this.#first]))
      places[this.#first++] = undefined
    if (this.#first > KEPT && this.#first > this.#items.size) {
      places.splice(0, this.#first)
      this.#first = 0
    }
    return places[this.#first]
  }

  [Symbol.iterator]() {
    return this.#items.values()
  }
}

module.exports = { Line }
