/** What a result depends on: the machine, the Nodes and the versions of the contestants. */
import { arch, availableParallelism, cpus, platform, release } from 'node:os'
import { versionsOn } from './rivals.mjs'

export function describeMachine(runtimes) {
  return {
    date: new Date().toISOString(),
    machine: `${cpus()[0].model.trim()}, ${availableParallelism()} cores`,
    system: `${platform()} ${arch()} ${release()}`,
    harness: process.version,
    nodes: runtimes.map(runtime => ({ node: runtime.node, versions: versionsOn(runtime) }))
  }
}

export function heading({ date, machine, system, harness, nodes }) {
  const lines = nodes.map(({ node, versions }) => {
    const contestants = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
    return `Node ${node}: ${contestants.join(', ')}`
  })
  return [`${machine}, ${system}, ${date.slice(0, 10)}, harness on Node ${harness}`, ...lines, ''].join('\n')
}
