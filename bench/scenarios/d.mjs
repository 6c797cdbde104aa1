/**
 * D: 20,000 writes at once. What one big transaction of better-sqlite3 does is the ceiling: it fails or succeeds as one.
 *
 * A process does it several times. The first flood of a process runs code that is not compiled yet, so it stands by itself.
 */
import { begin, together } from '../lib/spawn.mjs'
import { checkRows, makeDatabase } from '../lib/database.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { median } from '../lib/stats.mjs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openWriter } from '../lib/writers.mjs'
import { setTimeout as sleep } from 'node:timers/promises'

const ROWS = 20_000
const FLOODS = 6
const BIG_TRANSACTION = 'better-sqlite3, one transaction'

export const jobs = {
  async flood({ contestant, directory }, channel) {
    const big = contestant === BIG_TRANSACTION
    const writer = await openWriter(big ? 'better-sqlite3' : contestant, directory)
    await begin(channel)
    const floods = []
    for (let n = 0; n < FLOODS; n++) floods.push(await flood(writer, big, n * ROWS))
    await writer.close()
    return floods
  }
}

async function flood(writer, big, first) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  // The first tick after a reset is not recorded, and a delay is seen when it is over: ticks before and after.
  await sleep(20)
  delay.reset()
  await sleep(20)
  const started = performance.now()
  if (big) writer.transaction(() => writeAll(writer, first))
  else await Promise.all(writeAll(writer, first))
  const rate = (ROWS / (performance.now() - started)) * 1000
  await sleep(20)
  delay.disable()
  return { rate, delayMs: delay.max / 1e6 }
}

function writeAll(writer, first) {
  const written = []
  for (let n = 0; n < ROWS; n++) written.push(writer.write('writer', first + n))
  return written
}

async function round(contestant, directory) {
  makeDatabase(directory)
  const [floods] = await together(import.meta.url, 'flood', [{ contestant, directory }])
  checkRows(directory, { writer: ROWS * FLOODS })
  const [first, ...later] = floods
  return {
    figure: median(later.map(({ rate }) => rate)),
    'loop delay': median(later.map(({ delayMs }) => delayMs)),
    'first flood': first.rate,
    'its delay': first.delayMs
  }
}

export default {
  letter: 'D',
  title: '20,000 writes at once, one process; longest event-loop delay in ms',
  unit: 'rows/s',
  better: 'higher',
  contestants: ['sqlock', 'sqlite3', 'better-sqlite3', 'libsql', 'node:sqlite', BIG_TRANSACTION],
  round: contestant => inFreshDirectory(directory => round(contestant, directory))
}
