/**
 * Messages to the subscribers of node:diagnostics_channel, which docs/diagnostics.md describes. They have no bound values in them.
 *
 * The code that sends one asks for `hasSubscribers` first: without a subscriber no message is made, and no clock is read.
 */
'use strict'

const { channel } = require('node:diagnostics_channel')
const { now } = require('./clock')
const { fromFailure } = require('./failures')

const channels = {
  lock: channel('sqlock:lock'),
  batch: channel('sqlock:batch'),
  checkpoint: channel('sqlock:checkpoint'),
  longHold: channel('sqlock:long-hold')
}

/** The lock was granted after so many ms. */
function tellAcquired({ lockPath }, waitMs) {
  channels.lock.publish({ event: 'acquired', lockPath, waitMs })
}

/** So many calls, the first of which was made at `calledAt`, will not get it. */
function tellRefused({ lockPath }, calledAt, calls, failure) {
  const waitMs = now() - calledAt
  channels.lock.publish({ event: 'refused', lockPath, waitMs, calls, error: fromFailure(failure) })
}

/** The lock was given back after so many ms. */
function tellReleased({ lockPath }, holdMs) {
  channels.lock.publish({ event: 'released', lockPath, holdMs })
}

/** The time at which a batch is handed over, for tellBatch(). */
const startOfBatch = () => (channels.batch.hasSubscribers ? now() : undefined)

/** A batch, or a part of one, was written. */
function tellBatch({ path }, { statements, startedAt }, written) {
  const { changes, failures = [], commits, waitMs = null, holdMs = null } = written
  const [writes, failed] = [changes.length, failures.length]
  const ms = now() - startedAt
  channels.batch.publish({ dbPath: path, statements, writes, failed, commits, ms, waitMs, holdMs })
}

/** Awaits a checkpoint, and sends a message about it. */
async function tellCheckpoint({ path }, mode, background, checkpoint) {
  const since = now()
  const tell = outcome => {
    const ms = now() - since
    channels.checkpoint.publish({ dbPath: path, mode, background, ms, ...outcome })
  }
  try {
    const result = await checkpoint
    tell(result)
    return result
  } catch (error) {
    tell({ error })
    throw error
  }
}

/** A hold lasts longer than it should. */
function tellLongHold({ lockPath }, longHoldMs, stack) {
  channels.longHold.publish({ lockPath, longHoldMs, stack })
}

module.exports = {
  ...channels,
  startOfBatch,
  tellAcquired,
  tellBatch,
  tellCheckpoint,
  tellLongHold,
  tellRefused,
  tellReleased
}
