/**
 * A copy of the database, made step by step by a thread of its own, which waits for the event loop between the steps.
 */
'use strict'

const { onAbort, throwIfAborted } = require('../base/abort')
const { call, settled } = require('../base/failures')

/** Makes a backup; resolves when it is in its place, and rejects when nothing of it is left. */
async function backup(native, destination, { progress, pagesPerStep, signal }) {
  throwIfAborted(signal)
  const copy = call(() => native.backup(destination, pagesPerStep))
  const stop = signal && onAbort(signal, () => copy.cancel())
  let totalPages = 0
  try {
    for (let step = await next(copy, signal); step; step = await next(copy, signal)) {
      ;({ totalPages } = step)
      await tell(copy, step, progress, signal)
    }
  } finally {
    stop?.()
  }
  return { totalPages }
}

/** The next step. One that fails since it was called off fails with the reason of that. */
async function next(copy, signal) {
  try {
    return await settled(copy.next())
  } catch (error) {
    throw signal?.aborted ? signal.reason : error
  }
}

/** Tells how far it has got, unless it was called off meanwhile. */
async function tell(copy, { totalPages, remainingPages }, progress, signal) {
  try {
    throwIfAborted(signal)
    await progress?.({ totalPages, remainingPages })
  } catch (error) {
    copy.cancel()
    // Fails when the file is gone.
    await copy.next().catch(() => {})
    throw error
  }
}

module.exports = { backup }
