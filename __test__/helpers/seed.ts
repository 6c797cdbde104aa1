/** Randomness that can be had again: the seed is printed, and `SQLOCK_SEED=1234 npx ava ...` runs with that one. */
import type { ExecutionContext } from 'ava'

/** Gives the seed of a test: by chance, unless it has one. */
export function seedOf(t: ExecutionContext, usual = Math.floor(Math.random() * 2 ** 31)): number {
  const seed = Number(process.env.SQLOCK_SEED ?? usual)
  t.log(`SQLOCK_SEED=${seed}`)
  return seed
}

/** Numbers from 0 up to 1: mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
