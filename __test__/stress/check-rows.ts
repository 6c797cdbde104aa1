/** I2 and I3 by the notes and what is in the file: see README.md. */
import type { DB } from '../../index.js'

export interface Rows {
  acknowledged: number
  lost: string[]
  doubled: string[]
  /** Rejected, and yet there. */
  risen: string[]
  /** There, though nobody who lived to tell has noted it. */
  unknown: string[]
  /** Half transactions. */
  torn: string[]
}

/** `sqlock.7.0` of its write `sqlock.7.0-12`. */
export const authorOf = (key: string) => key.slice(0, key.lastIndexOf('-'))

/** `notes` are those of all; `mayBeSilent` tells who was killed. */
export function checkRows(db: DB, notes: string[], mayBeSilent: (name: string) => boolean): Rows {
  const found = new Map<string, number>()
  for (const { name } of db.iterate<{ name: string }>("SELECT name FROM records WHERE name <> 'first'"))
    found.set(name, (found.get(name) ?? 0) + 1)
  const torn: string[] = []
  for (const { pair, halves } of db.iterate<{ pair: string; halves: number }>(
    'SELECT pair, count(*) AS halves FROM half GROUP BY pair'
  )) {
    found.set(pair, (found.get(pair) ?? 0) + 1)
    if (halves !== 2) torn.push(pair)
  }
  const told = new Map(
    notes.map(line => line.split(' ') as [string, string]).map(([what, key]) => [key, what])
  )
  const saying = (what: string) => [...told].filter(([, said]) => said === what).map(([key]) => key)
  const acknowledged = saying('+')
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter(key => !found.has(key)),
    doubled: [...found].filter(([, times]) => times > 1).map(([key]) => key),
    risen: saying('-').filter(key => found.has(key)),
    unknown: [...found.keys()].filter(key => !told.has(key) && !mayBeSilent(authorOf(key))),
    torn
  }
}
