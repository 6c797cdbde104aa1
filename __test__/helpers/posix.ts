/** What Windows does not have. The tests that need it are skipped there, and this is the one place that says why. */
import test from 'ava'
import { isWindows } from './system.ts'

const REASONS = {
  children: 'a process that Node starts ends with the one that has started it',
  command: 'the system tells no arguments of another process',
  descriptors:
    'no number of a file is shared by an addon and Node, and nothing tells which files a process has open',
  flock: 'the system has no flock(2)',
  mode: 'files have access control lists in place of permission bits',
  names: 'a name must not have a question mark, a colon or a control character in it',
  open: 'a file that is open cannot be deleted, renamed or replaced',
  proc: 'there is no /proc',
  signals: 'a signal ends the process at once, and none stops it',
  special: 'there are no FIFOs, sockets and devices in directories',
  symlink: 'a symbolic link needs a privilege that a user does not have',
  text: 'the holder text of others cannot be read while the lock is held',
  tools: 'the test runs programs of Unix: a shell, strace, git',
  url: 'the URL of a file has a letter of a drive'
}

type Reason = keyof typeof REASONS

function isMissing(reason: Reason): boolean {
  if (isWindows) console.warn(`skipped: ${REASONS[reason]}`)
  return isWindows
}

/** Declares tests that need one of these. */
export const posix = (reason: Reason) => (isMissing(reason) ? test.skip : test)

/** Declares tests that need one of these, and the process to themselves. */
export const posixSerial = (reason: Reason) => (isMissing(reason) ? test.skip : test.serial)
