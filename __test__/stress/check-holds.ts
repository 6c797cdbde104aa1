/** I1 by the journal: see README.md. */

export interface Holds {
  holds: number
  /** How many ended in a kill or the like. */
  cut: number
  violations: string[]
}

/** `doomedAt` tells how many lines the journal had before somebody was killed. */
export function checkHolds(journal: string[], doomedAt: (name: string) => number | undefined): Holds {
  const result: Holds = { holds: 0, cut: 0, violations: [] }
  let inside: { name: string; value: number } | null = null
  let possible = [0]
  for (const [at, line] of journal.entries()) {
    const [what, name, number] = line.split(' ') as [string, string, string]
    const value = Number(number)
    if (what === 'enter') {
      if (inside && at < (doomedAt(inside.name) ?? Infinity))
        result.violations.push(`I1 overlap: ${name} enters while ${inside.name} is inside`)
      if (inside) {
        result.cut++
        possible = [inside.value, inside.value + 1]
      }
      if (!possible.includes(value))
        result.violations.push(`I1 counter: ${name} finds ${value}, not ${possible.join(' or ')}`)
      inside = { name, value }
      result.holds++
    } else {
      if (inside?.name !== name)
        result.violations.push(`I1 overlap: ${name} leaves while ${inside?.name} is inside`)
      inside = null
      possible = [value]
    }
  }
  return result
}

/** A hold, told by who has it and the line of the journal with which it begins. */
export interface Hold {
  name: string
  from: number
}

/** Which holds overlap, two by two, where nobody was killed. */
export function overlapsOf(journal: string[]): [Hold, Hold][] {
  const inside: Hold[] = []
  const overlaps: [Hold, Hold][] = []
  for (const [from, line] of journal.entries()) {
    const [what, name] = line.split(' ') as [string, string]
    if (what === 'enter') {
      overlaps.push(...inside.map((other): [Hold, Hold] => [other, { name, from }]))
      inside.push({ name, from })
    } else {
      const left = inside.findIndex(hold => hold.name === name)
      inside.splice(left, 1)
    }
  }
  return overlaps
}
