/**
 * Work that enforces foreign keys otherwise than its DB does, for tables that are made anew: to drop the old one is to delete its
 * rows, and those that refer to them with ON DELETE CASCADE.
 *
 * SQLite takes the pragma between transactions only, and it counts for all writes of the DB. So it is set under the lock, where
 * there are no others, and set back before the lock is given back.
 */
'use strict'

/** Are foreign keys enforced in writes of a DB, or of a transaction? */
async function isEnforced(target) {
  // Plain reads of a DB have a connection of their own, with its own pragmas.
  const tx = await target.begin()
  try {
    return Number(tx.get('PRAGMA foreign_keys').foreign_keys) === 1
  } finally {
    await tx.rollback()
  }
}

/** Runs `work` with foreign keys enforced, or not. To be called under the lock. */
async function enforcing(db, enforce, work) {
  const before = await isEnforced(db)
  if (before === enforce) return work()
  await setEnforced(db, enforce)
  // In a transaction of the program SQLite passes over it.
  if ((await isEnforced(db)) !== enforce)
    throw new Error('in a transaction foreign keys remain enforced or not as they are')
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
