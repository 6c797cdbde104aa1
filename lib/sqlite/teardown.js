/**
 * The end of this thread. It waits for what libuv workers do, so a statement that never ends would keep it for ever: what runs is
 * interrupted. What has not resolved by then leaves nothing behind.
 *
 * The main thread tells of its end by the event 'exit'. A worker that is terminated runs no JavaScript any more, but closes its
 * handles before it waits: the addon sees that at the other end of a socket.
 */
'use strict'

const { callOffAll, callOffWithSocket, endHasHandle, isFirstInThread } = require('./native')
const { isMain } = require('./thread')

/** Interrupts at the end of this thread what runs then. */
function interruptAtEnd() {
  // Other copies of this file may be there, in a test runner for one.
  if (!isFirstInThread()) return
  if (isMain) process.on('exit', callOffAll)
  else open()
}

/** Opens a socket that is closed with the thread: an open handle is never collected. */
function open() {
  // Only here: it takes a few ms to load.
  const { Socket } = require('node:net')
  try {
    new Socket({ fd: callOffWithSocket() }).unref()
    endHasHandle()
  } catch {
    // If there are no descriptors left, the end waits for what runs.
  }
}

module.exports = { interruptAtEnd }
