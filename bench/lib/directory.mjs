/** Fresh directories on the disk that bench/ is on: a temporary directory is often in memory. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const data = fileURLToPath(new URL('../.data/', import.meta.url))

/** The types of the file systems in memory, tmpfs and ramfs, as statfs(2) has them. */
const IN_MEMORY = new Set([0x01021994, 0x858458f6])

/** Throws if the databases would not be on a disk. */
export function requireDisk() {
  mkdirSync(data, { recursive: true })
  if (!IN_MEMORY.has(statfsSync(data).type)) return
  throw new Error(
    `${data} is in memory, which no database of users is: make it a symbolic link to a directory on a disk`
  )
}

/** Runs `fn` with a fresh directory, which is removed afterwards. */
export async function inFreshDirectory(fn) {
  const directory = mkdtempSync(join(data, 'run-'))
  try {
    return await fn(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
