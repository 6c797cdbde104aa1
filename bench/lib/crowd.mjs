/** Four processes write to one database for a while: scenarios E and E1. */
import { begin, together } from './spawn.mjs'
import { checkRows, makeDatabase } from './database.mjs'
import { distribution, jain, max, percentile, sum } from './stats.mjs'
import { inFreshDirectory } from './directory.mjs'
import { openWriter } from './writers.mjs'
import { writeFor } from './load.mjs'

const PROCESSES = 4
const RUN_MS = 2000

export const jobs = {
  async write({ contestant, directory, name, lanes }, channel) {
    const writer = await openWriter(contestant, directory)
    await begin(channel)
    const result = await writeFor(writer, name, { ms: RUN_MS, lanes })
    await writer.close()
    return result
  }
}

/** Rows per second of all together, waits in ms, and how evenly the rows are spread over the processes. */
export function writeInCrowd(contestant, lanes) {
  return inFreshDirectory(async directory => {
    makeDatabase(directory)
    const all = Array.from({ length: PROCESSES }, (_, n) => ({
      contestant,
      directory,
      lanes,
      name: `writer ${n}`
    }))
    const results = await together(import.meta.url, 'write', all)
    checkRows(
      directory,
      Object.fromEntries(results.map(({ acknowledged }, n) => [`writer ${n}`, acknowledged]))
    )
    const latencies = results.flatMap(result => [...result.latencies])
    const acknowledged = results.map(result => result.acknowledged)
    return {
      figure: (sum(acknowledged) / max(results.map(({ ms }) => ms))) * 1000,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      max: max(latencies),
      jain: jain(acknowledged),
      errors: sum(results.map(({ errors }) => errors)),
      waits: distribution(latencies)
    }
  })
}
