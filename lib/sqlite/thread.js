/**
 * The thread that runs this JavaScript: the main thread of the process, or a worker.
 */
'use strict'

const { isMainThread } = require('./native')

/** node:worker_threads takes some milliseconds to load, so the main thread does without where the system tells that it is one. */
const workerThreads = () => require('node:worker_threads')

const isMain = isMainThread() ?? workerThreads().isMainThread

/** The size of the stack of a worker; undefined on the main thread. */
function stackBytes() {
  const mb = isMain ? 0 : workerThreads().resourceLimits?.stackSizeMb
  return mb > 0 ? mb * 2 ** 20 : undefined
}

module.exports = { isMain, stackBytes }
