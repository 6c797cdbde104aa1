/**
 * D: 20,000 writes at once, without a wait between the calls. What one big transaction of better-sqlite3 does is the ceiling: it
 * fails or succeeds as one.
 *
 * Cold are the first writes of a process, whose code is not compiled yet; warm are those of the sixth time.
 */
import { WRITE } from '../lib/calls.mjs'
import { begin, together } from '../lib/spawn.mjs'
import { checkRows, makeDatabase } from '../lib/database.mjs'
import { peakMemory } from '../lib/memory.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { longestBlock } from '../lib/event-loop.mjs'
import { overRounds } from '../lib/stats.mjs'
import { openWriter } from '../lib/writers.mjs'

const ROWS = 20_000
const QUEUED = 200_000
const BIG_TRANSACTION = 'better-sqlite3 in one transaction'

export const jobs = {
  /** Rows a second and the longest block of the event loop, the last of `times` times. */
  async flood({ contestant, directory, times }, channel) {
    const big = contestant === BIG_TRANSACTION
    const writer = await openWriter(big ? 'better-sqlite3' : contestant, directory)
    await begin(channel)
    let last
    for (let n = 0; n < times; n++) last = await flood(writer, big, n * ROWS)
    await writer.close()
    return last
  },
  /** Megabytes that the process has grown by, at its peak. */
  async queue({ contestant, directory }, channel) {
    const writer = await openWriter(contestant, directory)
    await begin(channel)
    await writer.write('writer', 0)
    const before = process.memoryUsage.rss()
    await Promise.all(writeAll(writer, 1, QUEUED))
    const grown = peakMemory() - before / 2 ** 20
    await writer.close()
    return { figure: grown }
  }
}

async function flood(writer, big, first) {
  const { ms, value: seconds } = await longestBlock(async () => {
    const started = performance.now()
    if (big) writer.inTransaction(() => writeAll(writer, first, ROWS))
    else await Promise.all(writeAll(writer, first, ROWS))
    return (performance.now() - started) / 1000
  })
  return { figure: ROWS / seconds, 'loop block': ms }
}

function writeAll(writer, first, rows) {
  const written = []
  for (let n = 0; n < rows; n++) written.push(writer.write('writer', first + n))
  return written
}

/** What the job returns, when the database has the rows. */
function inProcess(job, contestant, { rows, times }) {
  return inFreshDirectory(async directory => {
    makeDatabase(directory)
    const [result] = await together(import.meta.url, job, [{ contestant, directory, times }])
    checkRows(directory, { writer: rows })
    return result
  })
}

/** A cold flood is short, and each process makes it once. */
const COLD_STARTS = 3

async function round(contestant, { processes = 1, ...variant }) {
  const results = []
  for (let n = 0; n < processes; n++) results.push(await inProcess('flood', contestant, variant))
  return overRounds(results)
}

export default [
  {
    letter: 'D',
    title: '20,000 writes at once, one process; longest block of the event loop in ms',
    calls: WRITE,
    unit: 'rows/s',
    better: 'higher',
    variants: [
      { name: 'cold, a fresh process', times: 1, rows: ROWS, processes: COLD_STARTS },
      { name: 'warm, the sixth time', times: 6, rows: 6 * ROWS }
    ],
    contestants: ['sqlock', 'sqlite3', 'better-sqlite3', 'libsql', 'node:sqlite', 'Turso', BIG_TRANSACTION],
    round
  },
  {
    letter: 'D',
    title: 'writes that wait in a queue',
    calls: WRITE,
    unit: 'MB',
    better: 'lower',
    variants: [{ name: 'memory of 200,000 queued writes', rows: 1 + QUEUED }],
    // Those that write asynchronously.
    contestants: ['sqlock', 'sqlite3', 'Turso'],
    round: (contestant, variant) => inProcess('queue', contestant, variant)
  }
]
