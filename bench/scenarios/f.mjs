/** F: the holder is killed with SIGKILL. How long until the one that waits has the lock? */
import { LOCK } from '../lib/calls.mjs'
import { max, median } from '../lib/stats.mjs'
import { Contestant } from '../lib/spawn.mjs'
import { inFreshDirectory } from '../lib/directory.mjs'
import { openLocker } from '../lib/lockers.mjs'
import { setTimeout as sleep } from 'node:timers/promises'

/** The pattern takes ten seconds for each. */
const kills = { sqlock: 20, 'fs-ext blocking': 20, 'proper-lockfile pattern': 1 }
const TIMEOUT_MS = 30_000
/** From the call of the waiter until it surely waits, ms. */
const SETTLE_MS = 50

const now = () => Number(process.hrtime.bigint())

export const jobs = {
  async hold({ contestant, directory }, channel) {
    const locker = await openLocker(contestant, directory)
    await locker.lock(TIMEOUT_MS)
    channel.say('held')
    return channel.hear('the signal that comes instead')
  },
  async wait({ contestant, directory }, channel) {
    const locker = await openLocker(contestant, directory)
    const granted = locker.lock(TIMEOUT_MS)
    channel.say('waiting')
    await granted
    const at = now()
    await locker.unlock()
    return at
  }
}

/** ms from the kill to the grant. */
async function kill(args) {
  const holder = new Contestant(import.meta.url, 'hold', args)
  await holder.hear('held')
  const waiter = new Contestant(import.meta.url, 'wait', args)
  try {
    await waiter.hear('waiting')
    await sleep(SETTLE_MS)
    const killed = now()
    await holder.kill()
    const ms = ((await waiter.finish()) - killed) / 1e6
    if (ms <= 0) throw new Error('granted while the holder was alive')
    return ms
  } finally {
    await Promise.all([holder.kill(), waiter.kill()])
  }
}

export default {
  letter: 'F',
  title: 'SIGKILL of the holder until the next grant',
  calls: LOCK,
  unit: 'ms',
  better: 'lower',
  contestants: Object.keys(kills),
  round: contestant =>
    inFreshDirectory(async directory => {
      const waits = []
      for (let n = 0; n < kills[contestant]; n++) waits.push(await kill({ contestant, directory }))
      return { figure: median(waits), max: max(waits) }
    })
}
