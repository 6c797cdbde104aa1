/** How long the event loop is held up. */
import { max } from './stats.mjs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Runs `fn`; the longest time between two turns of a timer of 1 ms meanwhile, in ms, and the value of `fn`. */
export async function longestBlock(fn) {
  const blocks = []
  let last
  const turn = () => {
    const now = performance.now()
    blocks.push(now - last)
    last = now
  }
  const timer = setInterval(turn, 1)
  await sleep(20)
  blocks.length = 0
  last = performance.now()
  const value = await fn()
  turn()
  clearInterval(timer)
  return { ms: max(Float64Array.from(blocks)), value }
}
