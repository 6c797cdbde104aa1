/** How long the event loop is held up. */
import { max } from './stats.mjs'

/** Runs `fn`; the longest time between two turns of the event loop meanwhile, in ms, and the value of `fn`. */
export async function longestBlock(fn) {
  const blocks = []
  let last = performance.now()
  const turn = () => {
    const now = performance.now()
    blocks.push(now - last)
    last = now
  }
  const timer = setInterval(turn)
  const value = await fn()
  turn()
  clearInterval(timer)
  return { ms: max(Float64Array.from(blocks)), value }
}
