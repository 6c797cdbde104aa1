/** Fresh directories on the disk that bench/ is on: a temporary directory is often in memory. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const data = fileURLToPath(new URL('../.data/', import.meta.url))

/** Runs `fn` with a fresh directory, which is removed afterwards. */
export async function inFreshDirectory(fn) {
  mkdirSync(data, { recursive: true })
  const directory = mkdtempSync(join(data, 'run-'))
  try {
    return await fn(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
