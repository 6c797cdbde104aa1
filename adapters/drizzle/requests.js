/**
 * How what Drizzle asks for is asked of sqlock. Integers come as numbers where these are exact, else as bigints, whatever the
 * DB was opened with: Drizzle's columns make of them what their mode says.
 */
'use strict'

const inObjects = query => ({ ...query, integers: 'auto' })
const inArrays = query => ({ ...query, integers: 'auto', raw: true })

/** Drizzle wraps what a query fails with; its code is on the wrapper too, so that one test of `code` does for both. */
function withCode(error) {
  if (error.code === undefined && error.cause?.code !== undefined) error.code = error.cause.code
  return error
}

module.exports = { inArrays, inObjects, withCode }
