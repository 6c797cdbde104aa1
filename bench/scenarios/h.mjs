/** H: 64 acquires wait for a lock that another process holds. How long does readFile take in the meantime? */
import { LOCK } from '../lib/calls.mjs'
import assert from 'node:assert/strict'
import { max, percentile } from '../lib/stats.mjs'
import { Contestant } from '../lib/spawn.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { openLocker } from '../lib/lockers.mjs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeFileSync } from 'node:fs'

const WAITERS = 64
const READ_MS = 1000
const TIMEOUT_MS = 20_000
/** A contestant that has not read, waited and unlocked by then never will, ms. */
const LIMIT_MS = 15_000

export const jobs = {
  async hold({ contestant, directory }, channel) {
    const locker = await openLocker(contestant, directory)
    await locker.lock(TIMEOUT_MS)
    channel.say('held')
    await channel.hear('enough')
    return locker.unlock()
  },
  async wait({ contestant, directory }, channel) {
    const open = () => openLocker(contestant, directory)
    const lockers = await Promise.all(Array.from({ length: WAITERS }, open))
    const idle = await readForAWhile(directory)
    let granted = 0
    const turns = lockers.map(async locker => {
      await locker.lock(TIMEOUT_MS)
      granted++
      await locker.unlock()
    })
    await sleep(50)
    const waiting = await readForAWhile(directory)
    assert.equal(granted, 0, 'nobody is granted a lock that another process holds')
    channel.say('read')
    await Promise.all(turns)
    assert.equal(granted, WAITERS)
    return { idle, waiting, granted }
  }
}

/** The time of each of many readFile, us. */
async function readForAWhile(directory) {
  const times = []
  const started = performance.now()
  while (performance.now() - started < READ_MS) {
    const from = performance.now()
    await readFile(`${directory}/some.txt`, 'utf8')
    times.push((performance.now() - from) * 1000)
  }
  return Float64Array.from(times)
}

async function round(contestant, directory) {
  writeFileSync(`${directory}/some.txt`, 'some text\n'.repeat(100))
  const holder = new Contestant(import.meta.url, 'hold', { contestant, directory })
  await holder.hear('held')
  const waiter = new Contestant(import.meta.url, 'wait', { contestant, directory })
  const limit = AbortSignal.timeout(LIMIT_MS)
  limit.addEventListener('abort', () => waiter.kill())
  try {
    await waiter.hear('read')
    holder.say('enough')
    const { idle, waiting, granted } = await waiter.finish()
    const p50 = percentile(waiting, 0.5)
    const idleP50 = percentile(idle, 0.5)
    return { figure: p50, idle: idleP50, 'x idle': p50 / idleP50, max: max(waiting), granted }
  } catch (err) {
    if (!limit.aborted) throw err
    return { figure: null, idle: null, 'x idle': null, max: null, granted: 0 }
  } finally {
    await Promise.all([holder.kill(), waiter.kill()])
  }
}

export default {
  letter: 'H',
  title: `readFile while ${WAITERS} acquires wait; a dash is a deadlock`,
  calls: LOCK,
  unit: 'us (p50)',
  better: 'lower',
  contestants: ['sqlock', 'proper-lockfile pattern', 'fs-ext blocking'],
  round: contestant => inFreshDirectory(directory => round(contestant, directory))
}
