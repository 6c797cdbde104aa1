/**
 * The Nodes that contestants run on: those that npm installs for the tests, in `__test__/runtimes`, and the one that runs the
 * benchmark. sqlock and its rivals are always compared on the same Node.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What users run: the newest Node first. */
const USUAL = [26, 24]

const FACTS = 'JSON.stringify([process.version, process.versions.sqlite ?? null])'

/** The Nodes of these majors; without majors the usual ones that are installed, or else the Node that runs the benchmark. */
export function findRuntimes(majors) {
  if (majors) return majors.map(runtimeOf)
  const installed = USUAL.filter(major => existsSync(binaryOf(major)))
  return (installed.length > 0 ? installed : [majorOf(process.version)]).map(runtimeOf)
}

export function majorOf(version) {
  return Number(/\d+/.exec(version)[0])
}

function binaryOf(major) {
  if (major === majorOf(process.version)) return process.execPath
  return fileURLToPath(new URL(`../../__test__/runtimes/node_modules/node${major}/bin/node`, import.meta.url))
}

function runtimeOf(major) {
  const execPath = binaryOf(major)
  if (!existsSync(execPath)) {
    throw new Error(`Node ${major} is not installed: run "npm ci --prefix __test__/runtimes", on linux x64`)
  }
  const [node, sqlite] = JSON.parse(execFileSync(execPath, ['-p', FACTS], { encoding: 'utf8' }))
  return { node, sqlite, execPath }
}
