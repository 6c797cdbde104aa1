/**
 * What Node programs do today: try to lock, sleep a little, try again; write who holds into db.lock.
 *
 * `attempt` returns a function that gives the lock back, or null when somebody holds it.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** Back-off, ms: doubled from the first to the last. */
const BACK_OFF = { first: 5, last: 50 }

/** Bears the name that sqlock gives to its own, so that a scenario counts either. */
class LockTimeout extends Error {
  name = 'LockTimeout'
}

export async function poll(attempt, timeoutMs) {
  const deadline = performance.now() + timeoutMs
  for (let pause = BACK_OFF.first; ; pause = Math.min(pause * 2, BACK_OFF.last)) {
    const release = await attempt()
    if (release) return release
    if (performance.now() + pause > deadline) throw new LockTimeout(`lock timeout after ${timeoutMs}ms`)
    await sleep(pause)
  }
}

/** The text that a holder leaves in db.lock. */
export function holderText() {
  return `pid:${process.pid}\ntime:${new Date().toISOString()}\n`
}
