/** What Windows does not have. The tests that need it are skipped there, and this is the one place that says why. */
import test from 'ava'

export const isWindows = process.platform === 'win32'

const REASONS = {
  descriptors:
    'no number of a file is shared by an addon and Node, and nothing tells which files a process has open',
  flock: 'the system has no flock(2)',
  mode: 'files have access control lists in place of permission bits',
  open: 'a file that is open cannot be deleted, renamed or replaced',
  proc: 'there is no /proc',
  signals: 'a signal ends the process at once, and none stops it',
  special: 'there are no FIFOs, sockets and devices in directories',
  symlink: 'a symbolic link needs a privilege that a user does not have',
  tools: 'the test runs programs of Unix: a shell, strace, git'
}

/** Declares tests that need one of these. */
export function posix(reason: keyof typeof REASONS) {
  if (!isWindows) return test
  console.warn(`skipped: ${REASONS[reason]}`)
  return test.skip
}
