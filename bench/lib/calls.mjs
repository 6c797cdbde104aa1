/** What several scenarios measure: the call of sqlock, and those of its rivals. */

export const LOCK = {
  sqlock: 'await locker.acquire(timeoutMs), locker.unlock()',
  rivals: 'flock(fd) or await lockfile.lock(path), and unlock'
}

export const WRITE = {
  sqlock: 'db.createRecord(name, value)',
  rivals: 'statement.run(name, value), with a pattern under its lock'
}
