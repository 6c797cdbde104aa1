/** What is done when: a sequence that the seed determines. */

/** Something that is done: to whom and how long, as parts of 1. */
export interface Act {
  kind: string
  who: number
  much: number
}

/** Steps of one to three acts at once. Each kind has had its turn before one comes again. */
export function* plan(random: () => number, kinds: string[]): Generator<{ acts: Act[]; pauseMs: number }> {
  for (;;) {
    const deck = shuffled(random, kinds)
    while (deck.length > 0) {
      const together = deck.splice(0, 1 + Math.floor(random() * 3))
      const acts = together.map(kind => ({ kind, who: random(), much: random() }))
      yield { acts, pauseMs: random() * 100 }
    }
  }
}

function shuffled<T>(random: () => number, all: T[]): T[] {
  const deck = [...all]
  for (let n = deck.length - 1; n > 0; n--) {
    const other = Math.floor(random() * (n + 1))
    ;[deck[n], deck[other]] = [deck[other]!, deck[n]!]
  }
  return deck
}
