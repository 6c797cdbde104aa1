/**
 * Transactions that enforce foreign keys otherwise than their DB does.
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

/** Begins a transaction. Resolves to `{ tx, over }`: `over()` has to be called when it has ended. */
function beginEnforcing(db, enforce) {
  return new Promise((resolve, reject) => {
    const underLock = async () => {
      const before = await isEnforced(db)
      if (before !== enforce) await setEnforced(db, enforce)
      // In a transaction of the program SQLite passes over it.
      if ((await isEnforced(db)) !== enforce)
        throw new Error('in a transaction foreign keys remain enforced or not as they are')
      try {
        const tx = await db.begin()
        await new Promise(end => {
          const over = () => (end(), hold)
          resolve({ tx, over })
        })
      } finally {
        if (before !== enforce) await setEnforced(db, before)
      }
    }
    const hold = db.withWriteLock(underLock)
    hold.catch(reject)
  })
}

function setEnforced(db, enforce) {
  return db.run(`PRAGMA foreign_keys = ${enforce ? 'ON' : 'OFF'}`)
}

module.exports = { beginEnforcing, isEnforced }
