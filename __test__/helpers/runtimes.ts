/** The programs that run JavaScript: this Node, and those that `npm ci --prefix __test__/runtimes` installs. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isThere } from './there.ts'

export interface Runtime {
  name: string
  command: string
  /** What stands before the name of a script. */
  args: string[]
}

const here = (path: string) => fileURLToPath(new URL(`../runtimes/node_modules/${path}`, import.meta.url))

const installable: Runtime[] = [
  ...[20, 22, 24, 26].map(major => ({
    name: `Node ${major}`,
    command: here(`node${major}/bin/node`),
    args: []
  })),
  { name: 'Bun', command: here('bun/bin/bun'), args: ['run'] },
  { name: 'Deno', command: here('deno/deno'), args: ['run', '--allow-all'] }
]

/** This Node and every other runtime that is there. The reason why one is left out is printed; CI has to have them all. */
export function runtimes(): Runtime[] {
  const own: Runtime = {
    name: `Node ${process.versions.node.split('.')[0]}`,
    command: process.execPath,
    args: []
  }
  const isGnu = 'glibcVersionRuntime' in (process.report.getReport() as { header: object }).header
  if (process.platform !== 'linux' || process.arch !== 'x64' || !isGnu) {
    console.warn('skipped: the other runtimes are installed for Linux on x64 with glibc only')
    return [own]
  }
  return [own, ...installable.filter(({ name }) => name !== own.name).filter(isInstalled)]
}

const isInstalled = ({ name, command }: Runtime) =>
  isThere(existsSync(command), `${name} is not installed: npm ci --prefix __test__/runtimes`)
