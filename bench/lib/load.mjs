/** Write loads, run in the process of a contestant. A writer's rows carry its name and count up: no row looks like another. */

/** Writes `rows` rows in `lanes` lanes, each waiting for its write before the next. Latencies in ms. */
export async function writeRows(writer, name, { rows, lanes }) {
  const latencies = new Float64Array(rows)
  let next = 0
  const started = performance.now()
  if (writer.sync) {
    // An await after each write would only cost the rival time: it has one in flight whatever the lanes.
    for (; next < rows; next++) latencies[next] = timed(writer, name, next)
  } else {
    await inLanes(lanes, async () => {
      while (next < rows) {
        const n = next++
        const from = performance.now()
        await writer.write(name, n)
        latencies[n] = performance.now() - from
      }
    })
  }
  return { ms: performance.now() - started, latencies }
}

/** Writes for `ms`. Failed writes are counted; the wait of one counts as any other. Latencies in ms. */
export async function writeFor(writer, name, { ms, lanes }) {
  const tally = { acknowledged: 0, errors: 0, latencies: [] }
  let next = 0
  const started = performance.now()
  await inLanes(lanes, async () => {
    while (performance.now() - started < ms) {
      const from = performance.now()
      try {
        // A plain value is not awaited: that would only cost the rival time.
        const written = writer.write(name, next++)
        if (!writer.sync) await written
        tally.acknowledged++
      } catch {
        tally.errors++
      }
      tally.latencies.push(performance.now() - from)
    }
  })
  return { ...tally, latencies: Float64Array.from(tally.latencies), ms: performance.now() - started }
}

function inLanes(lanes, run) {
  return Promise.all(Array.from({ length: lanes }, run))
}

function timed(writer, name, n) {
  const from = performance.now()
  writer.write(name, n)
  return performance.now() - from
}
