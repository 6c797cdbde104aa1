/** B: 2, 4, 8 and 16 processes take the lock, are busy for 200 us, and give it back: 5,000 a second would be ideal. */
import { LOCK } from '../lib/calls.mjs'
import { begin, together } from '../lib/spawn.mjs'
import { distribution, jain, max, percentile, sum } from '../lib/stats.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { openLocker } from '../lib/lockers.mjs'

const RUN_MS = 2000
const BUSY_NS = 200_000
const TIMEOUT_MS = 500
/** For the first lock of each, which is not measured: all processes want it at once, while they start. */
const PATIENCE_MS = 30_000

// CLOCK_MONOTONIC is one clock for all processes; as a number it is exact for the first 104 days after boot.
const now = () => Number(process.hrtime.bigint())

export const jobs = {
  async contend({ contestant, directory }, channel) {
    const locker = await openLocker(contestant, directory)
    await locker.lock(PATIENCE_MS)
    await locker.unlock()
    const result = { holds: [], waits: [], timeouts: 0 }
    await begin(channel)
    const end = now() + RUN_MS * 1e6
    while (now() < end) await hold(locker, result)
    return result
  }
}

async function hold(locker, result) {
  const from = now()
  try {
    await locker.lock(TIMEOUT_MS)
  } catch (err) {
    if (err.name !== 'LockTimeout') throw err
    result.timeouts++
    return
  }
  const taken = now()
  while (now() - taken < BUSY_NS);
  result.holds.push([taken, now()])
  await locker.unlock()
  result.waits.push((taken - from) / 1e6)
}

function checkNoOverlap(holds) {
  holds.sort(([a], [b]) => a - b)
  const overlap = holds.findIndex(([taken], n) => n > 0 && taken < holds[n - 1][1])
  if (overlap !== -1) throw new Error(`two holders at once: ${holds[overlap - 1]} and ${holds[overlap]}`)
}

async function contend(contestant, processes, directory) {
  const all = Array.from({ length: processes }, () => ({ contestant, directory }))
  const results = await together(import.meta.url, 'contend', all)
  const holds = results.flatMap(result => result.holds)
  checkNoOverlap(holds)
  const waits = results.flatMap(result => result.waits)
  const timeouts = sum(results.map(result => result.timeouts))
  const spanNs = max(holds.map(([, end]) => end)) - holds[0][0]
  return {
    figure: (holds.length / spanNs) * 1e9,
    p50: percentile(waits, 0.5),
    p99: percentile(waits, 0.99),
    max: max(waits),
    jain: jain(results.map(result => result.holds.length)),
    timeouts,
    // Without those who gave up, the distribution would tell of the lucky ones only.
    waits: distribution([...waits, ...Array(timeouts).fill(TIMEOUT_MS)])
  }
}

export default {
  letter: 'B',
  title: 'lock, 200 us busy, unlock; waits in ms',
  calls: LOCK,
  unit: 'holds/s',
  better: 'higher',
  variants: [2, 4, 8, 16].map(processes => ({ name: `${processes} processes`, processes })),
  contestants: ['sqlock', 'fs-ext blocking', 'fs-ext polling', 'proper-lockfile pattern'],
  round: (contestant, { processes }) =>
    inFreshDirectory(directory => contend(contestant, processes, directory))
}
