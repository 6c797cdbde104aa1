/** A: take the lock and give it back, one process, nobody else wants it. */
import { LOCK } from '../lib/calls.mjs'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { begin, together } from '../lib/spawn.mjs'
import { max, percentile, sum } from '../lib/stats.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { openLocker } from '../lib/lockers.mjs'

/** The pattern is slow: fewer rounds of it tell as much. */
const cycles = { sqlock: 20_000, 'fs-ext polling': 20_000, 'proper-lockfile pattern': 2000 }

export const jobs = {
  async cycle({ contestant, directory }, channel) {
    const locker = await openLocker(contestant, directory)
    await locker.lock(500)
    const held = readFileSync(`${directory}/db.lock`, 'utf8')
    await locker.unlock()
    const free = readFileSync(`${directory}/db.lock`, 'utf8')
    assert.match(held, new RegExp(`^pid:${process.pid}\n`), 'the holder is named')
    assert.equal(free, '', 'and no longer after it')
    await cycle(locker, cycles[contestant] / 10)
    await begin(channel)
    return cycle(locker, cycles[contestant])
  }
}

async function cycle(locker, n) {
  const times = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    const from = performance.now()
    await locker.lock(500)
    await locker.unlock()
    times[i] = performance.now() - from
  }
  return times
}

export default {
  letter: 'A',
  title: 'lock + unlock, uncontended, one process',
  calls: LOCK,
  unit: 'us a cycle',
  better: 'lower',
  contestants: Object.keys(cycles),
  round: contestant =>
    inFreshDirectory(async directory => {
      const [times] = await together(import.meta.url, 'cycle', [{ contestant, directory }])
      const us = times.map(ms => ms * 1000)
      return {
        figure: sum(us) / us.length,
        p50: percentile(us, 0.5),
        p99: percentile(us, 0.99),
        max: max(us)
      }
    })
}
