// Writes of all kinds, several at a time, with evidence of each: see README.md. Runs in main threads and others.
import { openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { DB, WriteLocker } from '../../index.mjs'

const REFUSALS = /^(ERR_SQLOCK_TIMEOUT|SQLITE_FULL|SQLITE_IOERR.*|SQLITE_CANTOPEN.*)$/
const SHORTAGES = new Set(['EMFILE', 'ENOSPC'])

export class Work {
  #name
  #db
  #locker
  #journal
  #counter
  #notes
  #enough = false
  #next = 0
  #done

  constructor(dir, name, evidence) {
    this.#name = name
    this.#db = new DB(join(dir, 'app.db'))
    this.#locker = new WriteLocker(dir, { label: name })
    this.#journal = openSync(join(evidence, 'journal'), 'a')
    this.#counter = openSync(join(evidence, 'counter'), 'r+')
    this.#notes = openSync(join(evidence, `notes-${name}`), 'a')
    this.#done = Promise.all([0, 1, 2].map(() => this.#workOn()))
  }

  async end() {
    this.#enough = true
    await this.#done
    await this.#db.close()
  }

  async #workOn() {
    const jobs = [() => this.#flood(), () => this.#pair(), () => this.#alone(), () => this.#bare()]
    while (!this.#enough) {
      await jobs[Math.floor(Math.random() * jobs.length)]()
      await delay(Math.random() * 30)
    }
  }

  /** Writes that go together. */
  async #flood() {
    await Promise.all(Array.from({ length: 16 }, () => this.#noted(key => this.#db.createRecord(key, 1))))
  }

  /** Two rows or none. */
  async #pair() {
    await this.#noted(pair =>
      this.#db.transaction(async tx => {
        await tx.run('INSERT INTO half VALUES (?, 1)', pair)
        await tx.savepoint(inner => inner.run('INSERT INTO half VALUES (?, 2)', pair))
      })
    )
  }

  /** A write with nobody else's between a look and it. */
  async #alone() {
    await this.#noted(key =>
      this.#db.withWriteLock(() =>
        this.#witnessed(async () => {
          const { last } = this.#db.get('SELECT max(id) AS last FROM records')
          await delay(Math.random() * 2)
          const id = await this.#db.createRecord(key, 1)
          if (id !== last + 1) this.#note(`! ${key}`)
        })
      )
    )
  }

  /** A hold without a database. */
  async #bare() {
    const called = performance.now()
    try {
      await this.#locker.withLock(() => this.#witnessed(() => delay(Math.random() * 2)))
    } catch (error) {
      // One locker has one hold at a time.
      if (error.code !== 'ERR_SQLOCK_HELD') this.#refused(`${this.#name}-bare`, error, called)
    }
  }

  async #witnessed(fn) {
    const value = this.#count()
    writeSync(this.#journal, `enter ${this.#name} ${value}\n`)
    try {
      await fn()
    } finally {
      writeSync(this.#counter, String(value + 1).padStart(12, '0'), 0)
      writeSync(this.#journal, `leave ${this.#name} ${value + 1}\n`)
    }
  }

  #count() {
    const text = Buffer.alloc(12)
    readSync(this.#counter, text, 0, 12, 0)
    return Number(text)
  }

  async #noted(write) {
    const key = `${this.#name}-${this.#next++}`
    const called = performance.now()
    try {
      await write(key)
      this.#note(`+ ${key}`)
    } catch (error) {
      this.#refused(key, error, called)
    }
  }

  /** Notes what may happen with a full disk or without descriptors; throws the rest. */
  #refused(key, error, called) {
    const shortage = error.code === 'ERR_SQLOCK_IO' && SHORTAGES.has(error.errno)
    if (!shortage && !REFUSALS.test(error.code)) throw error
    this.#note(`- ${key} ${error.code} ${Math.ceil(performance.now() - called)}`)
  }

  #note(line) {
    writeSync(this.#notes, `${line}\n`)
  }
}

if (!isMainThread) {
  const work = new Work(...workerData)
  parentPort.once('message', () => work.end())
  parentPort.postMessage('ready')
}
