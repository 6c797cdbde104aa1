/**
 * What is told at the end: who held the lock when, how the writers fared, and whether it all adds up.
 */
import { bar, paint } from './screen.mjs'
import { grouped } from './shared.mjs'

/** Sightings of the lock to show, besides those around the kill. */
const TIMELINE = 8
const TIMEOUTS = 4

export function showTimeline(screen, watch, blow) {
  screen.heading('Who held the lock when (the text of db.lock)')
  const after = blow && watch.firstAfter(blow.at, blow.pid)
  const moments = watch.spread(TIMELINE).map(({ at, text }) => ({ at, text }))
  if (blow) moments.push({ at: blow.at, text: blow.text + paint('red', '  <- killed') })
  if (after) moments.push({ at: after.at, text: after.text + paint('green', '  <- next') })
  for (const { at, text } of moments.toSorted((a, b) => a.at - b.at)) screen.event(at, text)
}

export function showWriters(screen, watch, crew) {
  const held = watch.sightings.length
  screen.heading(`The writers (of ${grouped(watch.looks)} looks at db.lock, ${grouped(held)} found a holder)`)
  for (const { label, pid, acks } of crew.writers) {
    const share = watch.seen(pid) / held
    const slowest = Math.max(0, ...acks.map(({ longestMs }) => longestMs))
    screen.print(
      `  ${label}  ${bar(share, 16)} ${grouped(share * 100).padStart(3)} %` +
        `  ${grouped(acks.length).padStart(6)} records, slowest write ${grouped(slowest, 1).padStart(5)} ms`
    )
  }
  const timeouts = crew.writers.flatMap(writer => writer.timeouts).toSorted((a, b) => a.at - b.at)
  screen.print(`  lock timeouts: ${timeouts.length}${timeouts.length > 0 ? ', each write was repeated' : ''}`)
  for (const { at, holder } of timeouts.slice(0, TIMEOUTS)) {
    screen.event(at, `timeout, holder: ${holder.replaceAll('\n', '  ')}`)
  }
}

/** Prints the checks of checks.mjs; does it all add up? */
export function showChecks(screen, checks) {
  screen.heading('Does it add up?')
  for (const { ok, text } of checks) {
    screen.print(`  ${ok ? paint('green', '✓') : paint('red', '✗ NOT SO:')} ${text}`)
  }
  const good = checks.every(({ ok }) => ok)
  screen.print('', good ? paint('green', 'Everything adds up.') : paint('red', 'It does not add up.'))
  return good
}
