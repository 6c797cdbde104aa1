/**
 * Kills a writer in the middle of a write.
 *
 * A big transaction reaches the -wal file in many small steps and counts only with the last one. So: have a writer create
 * a record of tens of MB, wait until its frames are seen growing in the -wal, and send SIGKILL. The -wal is looked at with
 * stat only: to open it, or the database, beside SQLite and close it again would drop SQLite's locks on it.
 */
import { statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { lookAtLock } from './lock-watch.mjs'
import { paint } from './screen.mjs'
import { WAL_PATH, grouped, now } from './shared.mjs'

/** The sizes of the record, MB: when the kill came too late, the next one leaves more time. */
const TRIES_MB = [64, 128, 256]
/** How many MB more than at the beginning the -wal must be: beyond what the others write in the meantime. */
const GROWN_MB = 6
const MB = 2 ** 20

/**
 * Tries until a writer died holding the lock, its write neither acknowledged nor committed.
 *
 * @param say prints an event: the moment of it, what happened, further lines
 * @returns what happened, or null when no try succeeded
 */
export async function strike(crew, db, say) {
  for (const megabytes of TRIES_MB) {
    const victim = crew.running.at(-1)
    if (!victim) return null
    const before = databaseSize(db)
    say(now(), `${victim.label} (pid ${victim.pid}) is told to create one record of ${megabytes} MB`)
    victim.orderBig(megabytes)
    await crew.until(() => victim.big !== 'ordered' || !victim.running)
    const blow = await killWhileItGrows(victim)
    if (blow) {
      say(blow.at, ...describe(blow, megabytes))
      await crew.until(() => !victim.running)
      if (databaseSize(db) - before < megabytes * MB) return { victim, megabytes, ...blow }
      victim.bigIs('committed')
    }
    say(now(), whyNot(victim))
  }
  return null
}

/** In bytes, of what is committed: tells whether the big record is there without reading it. */
function databaseSize(db) {
  return db.pragma('page_count', { simple: true }) * db.pragma('page_size', { simple: true })
}

/** `{ at, text, pid, grownMb }` of the moment of the kill, or null when the write ended first. */
async function killWhileItGrows(victim) {
  const start = walSize()
  while (victim.big === 'begun' && victim.running) {
    const grownMb = (walSize() - start) / MB
    const { text, pid } = lookAtLock()
    if (grownMb >= GROWN_MB && pid === victim.pid) {
      const at = now()
      victim.kill()
      return { at, text, pid, grownMb }
    }
    await delay(1)
  }
  return null
}

function describe({ grownMb, text }, megabytes) {
  const grown = `${grouped(grownMb, 1)} of ${megabytes} MB`
  return [paint('red', `SIGKILL: ${grown} are in app.db-wal, and db.lock reads`), `  ${text}`]
}

function whyNot(victim) {
  if (victim.big === 'committed') return 'too late: it had committed just before; again'
  if (victim.running) return 'too late: the record was acknowledged; again with a bigger one'
  return `${victim.label} ended by itself (exit code ${victim.exit.code}); again with another`
}

function walSize() {
  return statSync(WAL_PATH, { throwIfNoEntry: false })?.size ?? 0
}

/**
 * The first record of another writer after the kill: `{ writer, ms }`, or null when none came.
 *
 * The kernel takes down the memory of a process before it closes its files, which frees the lock: 2 ms for a small Node
 * process, 20 ms for one that has filled 256 MB.
 */
export async function handOver(crew, { victim, at }) {
  const first = () => crew.firstAfter(at, victim)
  await crew.until(first)
  // The reports come in groups: that of the writer who was really the first may be still to come.
  await delay(200)
  const next = first()
  return next ? { writer: next.writer, ms: next.at - at } : null
}
