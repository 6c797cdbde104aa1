/**
 * Async iterators over commits, whoever makes them: of changes(), and of watch(), which reads again after each.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { onAbort, throwIfAborted, watch } = require('../base/abort')
const { owned } = require('../base/bytes')
const { settled } = require('../base/failures')

const done = () => ({ done: true, value: undefined })

/**
 * An iterator of which one step is made at a time. Unlike that of an async generator, its return() does not wait for the pending step,
 * which may wait for ever: it ends it. An aborted signal fails every step. Once the DB is closed, a step that was made does not
 * count any more: whoever got it would read from a closed DB.
 */
class Steps {
  #source
  #signal
  #isOpen
  /** @type {Promise<any>} */
  #last = Promise.resolve()
  #ended = false

  /**
   * @param {{ next(): Promise<IteratorResult<unknown>>, end(): void }} source `end` ends what `next` waits for
   * @param options `isOpen`: tells whether the DB is
   */
  constructor(source, { signal, isOpen }) {
    this.#source = source
    this.#signal = signal
    this.#isOpen = isOpen
  }

  [Symbol.asyncIterator]() {
    return this
  }

  next() {
    const step = () => this.#step()
    this.#last = this.#last.then(step, step)
    return this.#last
  }

  async return(value) {
    this.#end()
    return { done: true, value: await value }
  }

  async #step() {
    try {
      throwIfAborted(this.#signal)
      if (this.#ended) return done()
      const step = await this.#take()
      throwIfAborted(this.#signal)
      if (!step.done && !this.#ended && this.#isOpen()) return step
      this.#end()
      return done()
    } catch (error) {
      this.#end()
      throw error
    }
  }

  async #take() {
    const stop = this.#signal && onAbort(this.#signal, () => this.#end())
    try {
      return await this.#source.next()
    } catch (error) {
      // It was ended under its step, by an abort or a close.
      if (this.#ended || !this.#isOpen()) return done()
      throw error
    } finally {
      stop?.()
    }
  }

  #end() {
    this.#ended = true
    this.#source.end()
  }
}

/** The first step is 'start'. */
class Commits {
  /** @type {Engine.Changes} */
  #native
  #interval
  #started = false

  constructor(native, interval) {
    this.#native = native
    this.#interval = interval
  }

  async next() {
    const reason = this.#started ? await settled(this.#native.next(this.#interval)) : 'start'
    this.#started = true
    return reason === null ? done() : { done: false, value: { reason } }
  }

  end() {
    this.#native.end()
  }
}

/** Reads after each commit, and steps when the rows are others. */
class LiveRows {
  #commits
  #read
  #rows
  /** Interrupts the read that is under way. */
  #controller = new AbortController()
  #signal = watch(this.#controller.signal)
  /** As the engine has them: the caller may change the rows that it got. */
  #last = null

  constructor(commits, { read, rows }) {
    this.#commits = commits
    this.#read = read
    this.#rows = rows
  }

  async next() {
    while (!(await this.#commits.next()).done) {
      const returned = await this.#read(this.#signal)
      if (this.#last?.equals(returned)) continue
      this.#last = returned.copy()
      return { done: false, value: await this.#rows(returned) }
    }
    return done()
  }

  end() {
    this.#commits.end()
    this.#controller.abort()
  }
}

/** @param {Engine.Database} database */
function changesOf(database, { signal, interval, isOpen }) {
  return new Steps(new Commits(database.changes(), interval), { signal, isOpen })
}

/** @param {Engine.Database} database */
function liveRowsOf(database, { plan, signal, interval, isOpen }) {
  const kept = owned(plan)
  const rows = new LiveRows(new Commits(database.changes(), interval), {
    read: ended => database.reader.allAsync(kept, false, ended),
    rows: returned => database.rows(returned, kept)
  })
  return new Steps(rows, { signal, isOpen })
}

module.exports = { changesOf, liveRowsOf }
