/**
 * The end of this thread. Node waits for the work on libuv workers first, so a statement that never ends would keep the thread alive for
 * ever. Therefore running statements are interrupted. Their writes are rolled back.
 *
 * The main thread has the event 'exit'. A worker that is terminated runs no JavaScript any more, but closes its handles before it waits:
 * the addon notices that at the other end of a socket.
 */
'use strict'

const { callOffAll, callOffWithSocket, endHasHandle, isFirstInThread } = require('./native')
const { isMain } = require('./thread')

/** From now on, the end of this thread interrupts its running statements. */
function interruptAtEnd() {
  // There may be other copies of this file, in a test runner for example.
  if (!isFirstInThread()) return
  if (isMain) process.on('exit', callOffAll)
  else open()
}

/** Opens a socket that is closed with the thread. The garbage collector never closes an open handle. */
function open() {
  // Loaded in workers only, since it takes a few ms.
  const { Socket } = require('node:net')
  try {
    new Socket({ fd: callOffWithSocket() }).unref()
    endHasHandle()
  } catch {
    // With no descriptors left, the end of the thread waits for running statements.
  }
}

module.exports = { interruptAtEnd }
