/**
 * `npm start`: four processes write to one database. One of them is killed while it holds the lock and is in the middle of
 * a write. The others go on at once, and at the end everything adds up: exit code 0, else 1.
 *
 * Read it from top to bottom; writer.mjs is what the processes do. The files are made in ./data and stay there.
 */
import { rmSync } from 'node:fs'
import { DB, sqliteVersion, version } from '../../index.mjs'
import { check } from './checks.mjs'
import { Crew } from './crew.mjs'
import { LockWatch } from './lock-watch.mjs'
import { showChecks, showTimeline, showWriters } from './report.mjs'
import { Screen, paint } from './screen.mjs'
import { DATA_FILES, DB_PATH, grouped, now } from './shared.mjs'
import { handOver, strike } from './strike.mjs'

const WRITERS = 4
const RECORDS_EACH = 1200
/** Which part of the records is written before a writer is killed. */
const KILL_AFTER = 0.4
/** How long to wait for a word of the writers, ms. */
const PATIENCE_MS = 15_000

const screen = new Screen()
screen.print(
  paint('bold', `sqlock ${version}, SQLite ${sqliteVersion}: ${WRITERS} processes, one database`),
  `Each creates and updates ${grouped(RECORDS_EACH)} records in ${DB_PATH}.`,
  'One of them is about to have an accident.',
  ''
)

// What an earlier run left; ./data belongs to the demo.
for (const file of DATA_FILES) rmSync(file, { force: true })

const db = new DB(DB_PATH)
const crew = new Crew(WRITERS, RECORDS_EACH)
const watch = new LockWatch()
const drawing = setInterval(drawProgress, 100)
const patience = setTimeout(giveUp, PATIENCE_MS).unref()
crew.on('news', () => patience.refresh())
screen.event(now(), `writers 1 to ${WRITERS} started: pid ${crew.writers.map(({ pid }) => pid).join(', ')}`)

await crew.until(() => crew.acknowledged >= KILL_AFTER * crew.expected)
const blow = await strike(crew, db, (at, ...lines) => screen.event(at, ...lines))
const next = blow && (await handOver(crew, blow))
if (next) {
  const gotIn = `${next.writer.label} got in: its next record is committed`
  screen.event(
    blow.at + next.ms,
    paint('green', `${gotIn} ${grouped(next.ms, 1)} ms after the kill`),
    paint('dim', '(most of that the kernel spent on clearing away the memory of the dead)')
  )
}

await crew.until(() => crew.running.length === 0)
watch.stop()
clearInterval(drawing)
screen.event(now(), `all done, ${grouped(crew.acknowledged)} records acknowledged`)

showTimeline(screen, watch, blow)
showWriters(screen, watch, crew)
const good = showChecks(screen, check(crew, db, blow, next))
await db.close()
process.exitCode = good ? 0 : 1

function drawProgress() {
  const holder = crew.writers.find(({ pid }) => pid === watch.sightings.at(-1)?.pid)
  screen.progress(
    crew.acknowledged,
    crew.expected,
    holder ? `, last seen with the lock: ${holder.label}` : ''
  )
}

function giveUp() {
  const mute = crew.running.map(
    ({ label, pid, acks }) => `${label} (pid ${pid}) after ${acks.length} records`
  )
  screen.event(now(), paint('red', `not a word for ${PATIENCE_MS / 1000} s from`), ...mute)
  for (const writer of crew.running) writer.kill()
  process.exit(1)
}
