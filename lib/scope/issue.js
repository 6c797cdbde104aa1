/**
 * Makes asynchronous calls. Each belongs to a target, which is found when the call is made.
 */
'use strict'

/** Runs `work` on the target of the call. Never throws: an error is a rejection. */
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

/** The same for an async iterator: an error of the call is the rejection of its first next(). */
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
