/** Who holds the lock, in words. */
'use strict'

const { printable } = require('./output')

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000]
]

/** `'3 min 20 s'`: the two largest units. A clock that was set back makes it negative. */
function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const first = UNITS.findIndex(([, size]) => ms >= size)
  const [name, size] = UNITS[first]
  const [next, nextSize] = UNITS[first + 1] ?? []
  const rest = next ? Math.floor((ms % size) / nextSize) : 0
  return `${Math.floor(ms / size)} ${name}${rest > 0 ? ` ${rest} ${next}` : ''}`
}

/** One line: pid, label, age, command. */
function describeHolder(holder) {
  if (holder === null) return 'a process that db.lock does not name'
  const parts = [`pid ${holder.pid}`]
  if (holder.label !== null) parts.push(`"${printable(holder.label)}"`)
  if (holder.ageMs !== null) parts.push(`for ${duration(holder.ageMs)}`)
  if (holder.command !== null) parts.push(printable(holder.command))
  else if (holder.alive === false) parts.push('no process has this pid here: is it in another container?')
  return parts.join(', ')
}

module.exports = { describeHolder, duration }
