/** The libraries that there are adapters for, in the versions that they are tested with. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { isThere } from './there.ts'

export interface Library {
  name: string
  version: string
  folder: string
  /** The lowest major version of Node that it runs on. */
  node: number
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const others = join(root, '__test__', 'adapters')
const manifest = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** Those that this Node runs on, and others that `npm ci --prefix __test__/adapters` installs; CI has to have them. */
export function libraries(): Library[] {
  const own = Object.keys(manifest(root).peerDependencies).map(name => join(root, 'node_modules', name))
  return [...own, ...folders()].map(folder => {
    const { name, version, engines } = manifest(folder)
    return { name, version, folder, node: Number(/\d+/.exec(engines?.node)) }
  })
}

function folders(): string[] {
  const installed = join(others, 'node_modules')
  const reason = 'other versions of the libraries are not installed: npm ci --prefix __test__/adapters'
  if (!isThere(existsSync(installed), reason)) return []
  return Object.keys(manifest(others).dependencies).map(name => join(installed, name))
}
