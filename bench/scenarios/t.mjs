/** T: transactions with two writes, each of them awaited where the library has promises. */
import { begin, together } from '../lib/spawn.mjs'
import { checkRows, makeDatabase } from '../lib/database.mjs'
import { max, percentile } from '../lib/stats.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { openWriter } from '../lib/writers.mjs'
import { writeRows } from '../lib/load.mjs'

const TRANSACTIONS = 5000
const WARM_UP = 500

export const jobs = {
  async transact({ contestant, directory, lanes }, channel) {
    const { sync, pair, close } = await openWriter(contestant, directory)
    // Transaction n writes the rows 2n and 2n + 1.
    const writer = { sync, write: (name, n) => pair(name, 2 * n) }
    await writeRows(writer, 'warm-up', { rows: WARM_UP, lanes })
    await begin(channel)
    const result = await writeRows(writer, 'writer', { rows: TRANSACTIONS, lanes })
    await close()
    return result
  }
}

/** Transactions a second, and latencies in ms. A transaction that fails, such as by a LockTimeout, ends the run. */
function transact(contestant, lanes) {
  return inFreshDirectory(async directory => {
    makeDatabase(directory)
    const [{ ms, latencies }] = await together(import.meta.url, 'transact', [
      { contestant, directory, lanes }
    ])
    checkRows(directory, { 'warm-up': 2 * WARM_UP, writer: 2 * TRANSACTIONS })
    return {
      figure: (TRANSACTIONS / ms) * 1000,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      max: max(latencies)
    }
  })
}

export default {
  letter: 'T',
  title: 'transactions with two writes, one process; latency in ms',
  unit: 'transactions/s',
  better: 'higher',
  calls: {
    sqlock: 'db.transaction(async tx => { await tx.run(...); await tx.run(...) })',
    rivals: 'the same as far as their writes can be awaited, or BEGIN IMMEDIATE, run(), run(), COMMIT'
  },
  variants: [
    { name: 'one after another', lanes: 1 },
    { name: '40 at once', lanes: 40 }
  ],
  contestants: ['sqlock', 'better-sqlite3', 'libsql', 'node:sqlite', 'Turso'],
  round: (contestant, { lanes }) => transact(contestant, lanes)
}
