/** One process writes a number of rows: scenarios C and J. */
import { begin, together } from './spawn.mjs'
import { checkRows, makeDatabase } from './database.mjs'
import { inFreshDirectory } from './directory.mjs'
import { max, percentile } from './stats.mjs'
import { openWriter } from './writers.mjs'
import { writeRows } from './load.mjs'

/** A tenth of the rows comes first and is not measured: code that has run before is compiled. */
const warmUp = rows => rows / 10

export const jobs = {
  async write({ contestant, directory, rows, lanes }, channel) {
    const writer = await openWriter(contestant, directory)
    await writeRows(writer, 'warm-up', { rows: warmUp(rows), lanes })
    await begin(channel)
    const result = await writeRows(writer, 'writer', { rows, lanes })
    await writer.close()
    return result
  }
}

/** Rows per second and percentiles of the latency, ms. */
export function writeAlone(contestant, { rows, lanes }) {
  return inFreshDirectory(async directory => {
    makeDatabase(directory)
    const job = { contestant, directory, rows, lanes }
    const [{ ms, latencies }] = await together(import.meta.url, 'write', [job])
    checkRows(directory, { 'warm-up': warmUp(rows), writer: rows })
    return {
      rate: (rows / ms) * 1000,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      'p99.9': percentile(latencies, 0.999),
      'p99.95': percentile(latencies, 0.9995),
      max: max(latencies)
    }
  })
}
