/**
 * Work that enforces foreign keys otherwise than its DB does, for tables that are made anew: to drop the old one is to delete its
 * rows, and those that refer to them with ON DELETE CASCADE.
 *
 * The pragma is taken between transactions only, and it counts for the whole DB. So it is set under the lock, where there are no
 * other writes, and set back before the lock is given back.
 */
'use strict'

/** Are foreign keys enforced in a DB, or in a transaction? */
async function isEnforced(target) {
  return Number((await target.getAsync('PRAGMA foreign_keys')).foreign_keys) === 1
}

/** Runs `work` with foreign keys enforced, or not. To be called under the lock. */
async function enforcing(db, enforce, work) {
  const before = await isEnforced(db)
  if (before === enforce) return work()
  await setEnforced(db, enforce).catch(cause => {
    throw new Error('in a transaction foreign keys remain enforced or not as they are', { cause })
  })
  try {
    return await work()
  } finally {
    await setEnforced(db, before)
  }
}

function setEnforced(db, enforce) {
  return db.run(`PRAGMA foreign_keys = ${enforce ? 'ON' : 'OFF'}`)
}

module.exports = { enforcing, isEnforced }
