/**
 * Looks into db.lock every millisecond or so and remembers whom it named. The lock file is there to be read: this
 * disturbs nobody. The database, its -wal and its -shm are another matter, see strike.mjs.
 */
import { readFileSync } from 'node:fs'
import { LOCK_PATH, now } from './shared.mjs'

/** `{ at, text, pid }` of this moment; the text is empty while nobody holds the lock. */
export function lookAtLock() {
  const at = now()
  const text = readLock().trim().replaceAll('\n', '  ')
  return { at, text, pid: Number(/^pid:(\d+)/.exec(text)?.[1] ?? 0) }
}

function readLock() {
  try {
    return readFileSync(LOCK_PATH, 'utf8')
  } catch (err) {
    // Made by the first write.
    if (err.code === 'ENOENT') return ''
    throw err
  }
}

export class LockWatch {
  looks = 0
  sightings = []
  #timer = setInterval(() => this.#look(), 1)

  stop() {
    clearInterval(this.#timer)
  }

  seen(pid) {
    return this.sightings.filter(sighting => sighting.pid === pid).length
  }

  /** About `count` sightings, evenly spread over the time. */
  spread(count) {
    const [first, last] = [this.sightings.at(0)?.at, this.sightings.at(-1)?.at]
    const step = (last - first) / count
    let next = first
    return this.sightings.filter(({ at }) => {
      if (at < next) return false
      while (next <= at) next += step
      return true
    })
  }

  /** The first sighting of somebody else after `instant`. */
  firstAfter(instant, exceptPid) {
    return this.sightings.find(({ at, pid }) => at > instant && pid !== exceptPid)
  }

  #look() {
    this.looks++
    const sighting = lookAtLock()
    if (sighting.pid > 0) this.sightings.push(sighting)
  }
}
