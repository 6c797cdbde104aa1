/** The option --timeout: how long to wait for the lock. */
'use strict'

const { UsageError } = require('./arguments')

const DEFAULT_TIMEOUT_MS = 500

const help = `milliseconds to wait for the lock, default ${DEFAULT_TIMEOUT_MS}; 0: one attempt, Infinity: no deadline`

function readTimeout(text) {
  if (text === undefined) return DEFAULT_TIMEOUT_MS
  if (!/^(\d+|Infinity)$/.test(text)) {
    throw new UsageError(`--timeout has to be a whole number of milliseconds, or Infinity`)
  }
  return Number(text)
}

module.exports = { help, readTimeout }
