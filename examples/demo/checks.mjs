/**
 * Does it all add up? Compares what is in the database with what the writers were told.
 */
import { bigPrefix, grouped, nameOf } from './shared.mjs'

/** A hand-over may not take longer than a write waits for the lock by default, ms. */
const HAND_OVER_MS = 500

/** All checks, each `{ ok, text }`. */
export function check(crew, db, blow, next) {
  return [...checkKill(blow, next), ...checkRecords(crew, db, blow)]
}

function checkKill(blow, next) {
  if (!blow) return [{ ok: false, text: 'no writer could be killed in the middle of a write' }]
  const { victim, pid, grownMb, megabytes } = blow
  const inTheAct = victim.exit?.signal === 'SIGKILL' && pid === victim.pid
  return [
    { ok: inTheAct, text: `${victim.label} was killed while db.lock named it, pid ${pid}` },
    {
      ok: victim.big === 'begun',
      text: `in the middle of its write, ${grouped(grownMb, 1)} of ${megabytes} MB, never acknowledged`
    },
    {
      ok: next !== null && next.ms < HAND_OVER_MS,
      text: next
        ? `${next.writer.label} got in ${grouped(next.ms, 1)} ms later`
        : 'nobody got in after the kill'
    }
  ]
}

function checkRecords(crew, db, blow) {
  const rows = db.getAllRecords()
  const byId = new Map(rows.map(row => [row.id, row]))
  const acks = crew.writers.flatMap(writer => writer.acks.map(ack => ({ ...ack, writer: writer.number })))
  const tooLate = crew.writers.reduce((sum, writer) => sum + writer.bigRows, 0)
  const kept = ack => byId.get(ack.id)?.name === nameOf(ack.writer, ack.n)
  const updated = ack => byId.get(ack.id)?.value === ack.value
  const survivors = crew.writers.filter(writer => !writer.killed)
  const prefix = blow && bigPrefix(blow.victim.number, blow.megabytes)
  const trace = blow && rows.some(({ name }) => name.startsWith(prefix))
  const integrity = db.pragma('integrity_check', { simple: true })
  return [
    all('writers lived on and finished', survivors, writer => writer.finished),
    {
      ok: rows.length === acks.length + tooLate,
      text:
        `${grouped(rows.length)} rows in the database, ${grouped(acks.length)} creates acknowledged` +
        (tooLate ? `, and ${tooLate} big` : '')
    },
    all('acknowledged creates are there', acks, kept),
    all('acknowledged updates are there', acks, updated),
    { ok: !trace, text: `${trace ? 'a' : 'no'} trace of the unfinished record` },
    { ok: integrity === 'ok', text: `PRAGMA integrity_check: ${integrity}` }
  ]
}

function all(what, items, test) {
  const good = items.filter(item => test(item)).length
  return { ok: good === items.length, text: `${grouped(good)} of ${grouped(items.length)} ${what}` }
}
