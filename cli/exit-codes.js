/** What the exit codes of all commands mean. Those from 64 on are the ones of sysexits.h. */
'use strict'

module.exports = Object.freeze({
  OK: 0,
  USAGE: 64,
  NO_INPUT: 66,
  SOFTWARE: 70,
  IO: 74,
  TIMEOUT: 75,
  /** As a shell tells of a command that cannot be run, or is not there. */
  CANNOT_RUN: 126,
  NOT_FOUND: 127,
  /** A process that a signal ended: this plus the number of the signal. */
  SIGNAL: 128
})
