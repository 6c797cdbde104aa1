/** I: two writers poll for the lock, as programs in other languages do, while four processes leave it no rest. */
import { LOCK, WRITE } from '../lib/calls.mjs'
import { Contestant, begin, letGo } from '../lib/spawn.mjs'
import { checkRows, makeDatabase } from '../lib/database.mjs'
import { existsSync, writeFileSync } from 'node:fs'
import { max, percentile, sum } from '../lib/stats.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { openLocker } from '../lib/lockers.mjs'
import { openWriter } from '../lib/writers.mjs'
import { setTimeout as sleep } from 'node:timers/promises'

const HOGS = 4
const POLLERS = 2
/** Of each poller in a round: 360 in the three of a run. A starved one takes half a second for each. */
const POLLS = 60
const TIMEOUT_MS = 500
const BUSY_MS = 0.2
/** What the pattern has in flight is one: a second one of the process would be granted the same lock. */
const inFlight = { sqlock: 64, 'fs-ext + better-sqlite3': 1 }

export const jobs = {
  async poll({ directory, name }, channel) {
    const locker = await openLocker('fs-ext reopening', directory)
    const writer = await openWriter('better-sqlite3', directory)
    await begin(channel)
    const waits = []
    for (let polls = 0; polls < POLLS; polls++) {
      await sleep(5 + Math.random() * 10)
      const from = performance.now()
      if (await isRefused(locker.lock(TIMEOUT_MS))) continue
      waits.push(performance.now() - from)
      writer.write(name, polls)
      locker.unlock()
    }
    writer.close()
    return { name, rows: waits.length, waits }
  },

  async holds({ contestant, directory, name }, channel) {
    const locker = await openLocker(contestant, directory)
    const tally = await hog(directory, channel, async () => {
      if (await isRefused(locker.lock(TIMEOUT_MS))) return 0
      const taken = performance.now()
      while (performance.now() - taken < BUSY_MS);
      await locker.unlock()
      return 1
    })
    return { ...tally, name, rows: 0 }
  },

  async bursts({ contestant, directory, name }, channel) {
    const writer = await openWriter(contestant, directory)
    let next = 0
    const tally = await hog(directory, channel, async () => {
      const writes = Array.from({ length: inFlight[contestant] }, () => writer.write(name, next++))
      const refused = await Promise.all(writes.map(isRefused))
      return refused.filter(isOne => !isOne).length
    })
    await writer.close()
    return { ...tally, name, rows: tally.done }
  }
}

/** Does it again and again until the pollers have finished, which a file tells: a message is heard by an idle loop only. */
async function hog(directory, channel, act) {
  await begin(channel)
  let done = 0
  const started = performance.now()
  while (!existsSync(enough(directory))) done += await act()
  return { done, ms: performance.now() - started }
}

const enough = directory => `${directory}/enough`

async function isRefused(promise) {
  try {
    await promise
    return false
  } catch (err) {
    if (err.name === 'LockTimeout') return true
    throw err
  }
}

/** The share of polls that came to nothing, and what the hogs did in the meantime. */
async function contend(contestant, job, unit, directory) {
  makeDatabase(directory)
  const start = (job, count) =>
    Array.from(
      { length: count },
      (_, n) => new Contestant(import.meta.url, job, { contestant, directory, name: `${job} ${n}` })
    )
  const hogs = start(job, HOGS)
  const pollers = start('poll', POLLERS)
  const all = [...hogs, ...pollers]
  try {
    await letGo(all)
    const polled = await Promise.all(pollers.map(poller => poller.finish()))
    writeFileSync(enough(directory), '')
    const hogged = await Promise.all(hogs.map(hog => hog.finish()))
    checkRows(directory, Object.fromEntries([...hogged, ...polled].map(({ name, rows }) => [name, rows])))
    const waits = polled.flatMap(({ waits }) => waits)
    const timeouts = POLLERS * POLLS - waits.length
    return {
      figure: (timeouts / (POLLERS * POLLS)) * 100,
      timeouts,
      p50: percentile(waits, 0.5),
      p99: percentile(waits, 0.99),
      max: percentile(waits, 1),
      [unit]: (sum(hogged.map(({ done }) => done)) / max(hogged.map(({ ms }) => ms))) * 1000
    }
  } finally {
    await Promise.all(all.map(one => one.kill()))
  }
}

function scenario(job, what, unit, calls, contestants) {
  return {
    letter: 'I',
    title: `${POLLERS} writers poll while ${HOGS} processes ${what}; waits in ms of the pollers that got the lock`,
    calls,
    unit: '% timeouts',
    better: 'lower',
    contestants,
    round: contestant => inFreshDirectory(directory => contend(contestant, job, unit, directory))
  }
}

export default [
  scenario('holds', 'hold the lock for 0.2 ms again and again', 'holds/s', LOCK, [
    'sqlock',
    'fs-ext polling',
    'fs-ext blocking'
  ]),
  scenario('bursts', 'write as fast as they can', 'rows/s', WRITE, Object.keys(inFlight))
]
