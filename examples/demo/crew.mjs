/**
 * The writer processes and what they have told so far.
 */
import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'

const WRITER = fileURLToPath(new URL('writer.mjs', import.meta.url))

/** One writer process. */
class Writer {
  acks = []
  timeouts = []
  /** Its big record: null, 'ordered', 'begun', 'acknowledged' or, when the kill was too late for it, 'committed'. */
  big = null
  /** How many big records it has got into the database after all. */
  bigRows = 0
  killed = false
  /** `{ code, signal }` once it has ended. */
  exit = null

  constructor(number, records) {
    this.number = number
    this.label = `writer ${number}`
    this.records = records
    this.process = fork(WRITER, [String(number), String(records)])
    this.pid = this.process.pid
  }

  get running() {
    return this.exit === null
  }

  /** How many records are to be expected of it. */
  get expected() {
    return this.running ? this.records : this.acks.length
  }

  get finished() {
    return this.exit?.code === 0 && this.acks.length === this.records
  }

  orderBig(megabytes) {
    this.big = 'ordered'
    // It may be about to end: then there is nobody to tell, and that it has ended is heard anyway.
    this.process.send({ big: megabytes }, () => {})
  }

  kill() {
    this.killed = true
    this.process.kill('SIGKILL')
  }

  bigIs(state) {
    this.big = state
    this.bigRows++
  }

  heard(message) {
    if (message.type === 'begins') this.big = 'begun'
    if (message.type === 'survived') this.bigIs('acknowledged')
    if (message.type === 'acks') {
      this.acks.push(...message.acks)
      this.timeouts.push(...message.timeouts)
    }
  }
}

/** All of them. Emits `news` whenever one has told something or ended. */
export class Crew extends EventEmitter {
  constructor(size, records) {
    super()
    this.writers = Array.from({ length: size }, (_, i) => new Writer(i + 1, records))
    for (const writer of this.writers) this.#listen(writer)
  }

  get running() {
    return this.writers.filter(writer => writer.running)
  }

  get acknowledged() {
    return this.#sum(writer => writer.acks.length)
  }

  get expected() {
    return this.#sum(writer => writer.expected)
  }

  /** Waits until the condition holds; also ends when nobody is left who could bring it about. */
  async until(condition) {
    while (!condition() && this.running.length > 0) await once(this, 'news')
  }

  /** The first acknowledged record of another writer after `instant`: `{ writer, at }`, if there is one. */
  firstAfter(instant, except) {
    const others = this.writers.filter(writer => writer !== except)
    const acks = others.flatMap(writer => writer.acks.map(ack => ({ writer, at: ack.created })))
    return acks.filter(ack => ack.at > instant).toSorted((a, b) => a.at - b.at)[0]
  }

  #sum(of) {
    return this.writers.reduce((sum, writer) => sum + of(writer), 0)
  }

  #listen(writer) {
    const tell = () => this.emit('news')
    writer.process.on('message', message => {
      writer.heard(message)
      tell()
    })
    // Not 'exit': what it sent before it ended is still read until 'close'.
    writer.process.on('close', (code, signal) => {
      writer.exit = { code, signal }
      tell()
    })
  }
}
