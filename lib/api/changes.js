/**
 * Async iterators over commits, whoever makes them: of changes(), and of watch(), which reads again after each.
 */
/** @import * as Engine from '../engine' */
'use strict'

const { onAbort, throwIfAborted } = require('../base/abort')
const { owned } = require('../base/bytes')
const { settled } = require('../base/failures')

const done = () => ({ done: true, value: undefined })

/**
 * An iterator of which one step is made at a time. Unlike that of an async generator, its return() does not wait for the pending step,
 * which may wait for ever: it ends it. An aborted signal fails every step.
 */
class Steps {
  #source
  #signal
  /** @type {Promise<any>} */
  #last = Promise.resolve()
  #ended = false

  /**
   * @param {{ next(): Promise<IteratorResult<unknown>>, end(): void }} source `end` ends what `next` waits for
   * @param signal
   */
  constructor(source, signal) {
    this.#source = source
    this.#signal = signal
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
    const signal = this.#signal
    try {
      throwIfAborted(signal)
      if (this.#ended) return done()
      const stop = signal && onAbort(signal, () => this.#end())
      const step = await this.#source.next().finally(stop)
      throwIfAborted(signal)
      if (step.done) this.#end()
      return step
    } catch (error) {
      this.#end()
      throw signal?.aborted ? signal.reason : error
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
  /** As the engine has them: the caller may change the rows that it got. */
  #last = null

  constructor(commits, { read, rows }) {
    this.#commits = commits
    this.#read = read
    this.#rows = rows
  }

  async next() {
    try {
      return await this.#next()
    } catch (error) {
      // The DB was closed between the commit and the read.
      if (error.code === 'ERR_SQLOCK_CLOSED') return done()
      throw error
    }
  }

  end() {
    this.#commits.end()
  }

  async #next() {
    while (!(await this.#commits.next()).done) {
      const returned = await this.#read()
      if (this.#last?.equals(returned)) continue
      this.#last = returned.copy()
      return { done: false, value: await this.#rows(returned) }
    }
    return done()
  }
}

/** @param {Engine.Database} database */
function changesOf(database, { signal, interval }) {
  return new Steps(new Commits(database.changes(), interval), signal)
}

/** @param {Engine.Database} database */
function liveRowsOf(database, { plan, signal, interval }) {
  const kept = owned(plan)
  const rows = new LiveRows(new Commits(database.changes(), interval), {
    read: () => database.reader.allAsync(kept, false, signal),
    rows: returned => database.rows(returned, kept)
  })
  return new Steps(rows, signal)
}

module.exports = { changesOf, liveRowsOf }
