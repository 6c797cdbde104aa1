/**
 * Asynchronous calls: each belongs to a target, which is found when it is issued, see lib/scope/session.js.
 */
'use strict'

/** Does what a caller awaits, on the target that it belongs to. Never throws: what goes wrong is a rejection. */
function issue(find, work) {
  let target
  try {
    target = find()
    return target.track(work(target))
  } catch (error) {
    const rejected = Promise.reject(error)
    return target ? target.track(rejected) : rejected
  }
}

/** The same of an async iterator: what goes wrong with the call is the rejection of its first next(). */
function issueRows(find, work) {
  try {
    return work(find())
  } catch (error) {
    return failed(error)
  }
}

async function* failed(error) {
  yield Promise.reject(error)
}

module.exports = { issue, issueRows }
