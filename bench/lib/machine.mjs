/** What a result depends on: the machine, Node and the versions of the contestants. */
import { arch, availableParallelism, cpus, platform, release } from 'node:os'
import { createRequire } from 'node:module'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { nodeFor } from './node-sqlite.mjs'

const require = createRequire(import.meta.url)

const rivals = Object.keys(require('../package.json').dependencies)

/** The path of its package.json, which not every rival exports. */
const manifest = rival => fileURLToPath(new URL(`../node_modules/${rival}/package.json`, import.meta.url))

export function missingRivals() {
  return rivals.filter(rival => !existsSync(manifest(rival)))
}

function nodeSqliteVersion() {
  const node = nodeFor('node:sqlite')
  if (!node) return 'left out: npm has not installed a Node that has it'
  return execFileSync(node, ['-p', '`${process.versions.sqlite} of Node ${process.version}`'], {
    encoding: 'utf8'
  }).trim()
}

function versions() {
  const { version } = require('../../package.json')
  const installed = rivals.map(rival => [rival, require(manifest(rival)).version])
  return { sqlock: version, ...Object.fromEntries(installed), 'node:sqlite': nodeSqliteVersion() }
}

export function describeMachine() {
  return {
    date: new Date().toISOString(),
    machine: `${cpus()[0].model.trim()}, ${availableParallelism()} cores`,
    system: `${platform()} ${arch()} ${release()}`,
    node: process.version,
    versions: versions()
  }
}

export function heading({ date, machine, system, node, versions }) {
  const contestants = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [`${machine}, ${system}, Node ${node}, ${date.slice(0, 10)}`, contestants.join(', '), ''].join('\n')
}
