/**
 * One of the writers, a process of its own: creates records, updates each, and tells the demo what was acknowledged.
 *
 * Sends `acks` (in small groups), `begins` and `survived` around a big record. Is sent `big` when it is its turn to be
 * killed.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { DB, LockTimeout } from '../../index.mjs'
import { DB_PATH, bigPrefix, nameOf, now, valueOf } from './shared.mjs'

const GROUP = 20
/** Longest pause between two records, ms. Without one the whole demo is over before anybody has seen it. */
const PAUSE_MS = 9

const writer = Number(process.argv[2])
const records = Number(process.argv[3])
const db = new DB(DB_PATH, { lock: { label: `writer ${writer}` } })
const send = promisify(process.send.bind(process))
let acks = []
let timeouts = []
let bigMegabytes = 0

process.on('message', order => (bigMegabytes = order.big))
// Without the demo there is nobody left to write for.
process.on('disconnect', () => process.exit())

for (let n = 1; n <= records; n++) {
  await writeRecord(n)
  if (acks.length >= GROUP) await report()
  if (bigMegabytes > 0) await writeBig()
  await delay(Math.random() * PAUSE_MS)
}
await report()
await db.close()
process.disconnect()

async function writeRecord(n) {
  const start = now()
  const id = await insist(() => db.createRecord(nameOf(writer, n), 0))
  const created = now()
  const value = valueOf(writer, id)
  await insist(() => db.updateRecord(id, value))
  const updated = now()
  acks.push({ n, id, value, created, longestMs: Math.max(created - start, updated - created) })
}

/** A record so big that there is time to be killed in the middle of writing it. */
async function writeBig() {
  const name = bigPrefix(writer, bigMegabytes).padEnd(bigMegabytes * 2 ** 20, 'x')
  bigMegabytes = 0
  // Nothing else may be unreported or on its way: then every row that is there too many is this one.
  await report()
  await send({ type: 'begins' })
  await insist(() => db.createRecord(name, 0))
  await send({ type: 'survived' })
}

/** A LockTimeout says that nothing was written, so the write may be repeated. */
async function insist(write) {
  for (;;) {
    try {
      return await write()
    } catch (err) {
      if (!(err instanceof LockTimeout)) throw err
      timeouts.push({ at: now(), holder: err.holder })
    }
  }
}

async function report() {
  const group = { type: 'acks', acks, timeouts }
  acks = []
  timeouts = []
  await send(group)
}
