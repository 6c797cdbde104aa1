/** The versions of the rivals, and which of them runs on which Node. */
import { createRequire } from 'node:module'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { majorOf } from './runtimes.mjs'

const require = createRequire(import.meta.url)

const packages = Object.keys(require('../package.json').dependencies)

/** The path of its package.json, which not every rival exports. */
const manifest = name => fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url))

const versionOf = name => require(manifest(name)).version

export function missingRivals() {
  return packages.filter(name => !existsSync(manifest(name)))
}

/** The package that is better-sqlite3 on a Node: version 13 needs Node 22, and the older one is compiled for a single Node. */
export function betterSqlite3On(node) {
  return majorOf(node) >= 22 ? 'better-sqlite3-13' : 'better-sqlite3'
}

/** Node 20 has no node:sqlite. */
export function runsOn(contestant, { sqlite }) {
  return contestant !== 'node:sqlite' || sqlite !== null
}

/** The version of each library in processes of that Node. */
export function versionsOn({ node, sqlite }) {
  const others = packages.filter(name => !name.startsWith('better-sqlite3'))
  return {
    sqlock: require('../../package.json').version,
    'better-sqlite3': versionOf(betterSqlite3On(node)),
    'node:sqlite': sqlite ? `SQLite ${sqlite}` : 'none',
    ...Object.fromEntries(others.map(name => [name, versionOf(name)]))
  }
}
