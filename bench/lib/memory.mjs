/** The memory of this process. */
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The most that it has had, in MB. On Linux a child process inherits the figure of getrusage from its parent. */
export function peakMemory() {
  const kilobytes =
    process.platform === 'linux'
      ? Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
      : process.resourceUsage().maxRSS
  return kilobytes / 1024
}

/** What JavaScript values keep alive, in bytes, after garbage was collected. */
export async function liveMemory() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  // Finalizers run in a later turn, and free what the next collection finds.
  for (let n = 0; n < 4; n++) {
    collect()
    await nextTurn()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { live: heapUsed + external, resident: rss }
}
