/**
 * A clock for durations. The one of node:perf_hooks takes more than a millisecond to load, which each process would pay at its start.
 */
'use strict'

/** Milliseconds since some moment, with fractions. They never go back, whatever happens to the time of day. */
function now() {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}

module.exports = { now }
