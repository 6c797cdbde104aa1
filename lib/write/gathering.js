/**
 * Writes of this thread that were called and not handed to the addon yet: those of one tick of the event loop, so that the
 * border is crossed once for them. They are handed over at the end of the tick, or before another call enters a queue: so the
 * order of the queues is that of the calls.
 */
'use strict'

/** The lane whose writes gather. */
let gathering = null

function gather(lane) {
  if (gathering === lane) return
  handOver()
  gathering = lane
  process.nextTick(handOver)
}

function handOver() {
  const lane = gathering
  gathering = null
  lane?.handOver()
}

module.exports = { gather, handOver }
