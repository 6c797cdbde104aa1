/** What a result depends on: the machine, Node and the versions of the contestants. */
import { arch, availableParallelism, cpus, platform, release } from 'node:os'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

const rivals = ['better-sqlite3', 'sqlite3', 'proper-lockfile', 'fs-ext']

function versions() {
  const { version } = require('../../package.json')
  const installed = rivals.map(name => [name, require(`${name}/package.json`).version])
  return { sqlock: version, ...Object.fromEntries(installed) }
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
