/** The memory of this process. */
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'

/** The most that it has had, in MB. On Linux a child process inherits the figure of getrusage from its parent. */
export function peakMemory() {
  const kilobytes =
    process.platform === 'linux'
      ? Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
      : process.resourceUsage().maxRSS
  return kilobytes / 1024
}

/** What JavaScript values keep alive, in bytes, after garbage was collected. */
export function liveMemory() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  // Finalizers run after the first collection, and free what the next one finds.
  for (let n = 0; n < 3; n++) collect()
  const { heapUsed, external } = process.memoryUsage()
  return { live: heapUsed + external, resident: process.memoryUsage.rss() }
}
