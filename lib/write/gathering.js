/**
 * The writes of one tick of the event loop are handed to the engine together, since each call into the addon costs time, and under a hold
 * each batch is a hop to a worker and back. That is done at the end of the tick, or sooner if another call of this thread enters a queue:
 * calls are served in the order in which they were made.
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
