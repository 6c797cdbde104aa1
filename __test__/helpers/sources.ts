/** The sources of the JavaScript face, for tests that compare them with the docs and the types. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const lib = fileURLToPath(new URL('../../lib', import.meta.url))

/** The text of all files of lib/. */
export function sourcesOfLib(): string {
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.js'))
  return files.map(file => readFileSync(join(lib, file), 'utf8')).join('\n')
}

/** The codes of the process warnings. */
export function warningCodes(): string[] {
  return [...new Set(Array.from(sourcesOfLib().matchAll(/'(SQLOCK_[A-Z_]+)'/g), match => match[1] as string))]
}
