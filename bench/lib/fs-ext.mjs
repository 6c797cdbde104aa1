/**
 * fs-ext, the flock(2) of the rivals. Its addon does not use Node-API, so each Node needs an addon of its own. It is compiled in
 * a copy of the package, with the headers that lie beside the binary of that Node.
 */
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)

const copyFor = version => fileURLToPath(new URL(`../.fs-ext/${version}/`, import.meta.url))

/** In a contestant's process. */
export function loadFsExt() {
  return require(copyFor(process.version))
}

/** Compiles fs-ext for a Node, unless that was done before. */
export function compileFsExt({ node, execPath }) {
  const copy = copyFor(node)
  if (existsSync(copy)) return
  process.stderr.write(`compiles fs-ext for Node ${node}\n`)
  // A directory is there only when it is complete: it gets its name at the end.
  const unfinished = `${copy.slice(0, -1)}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(dirname(unfinished), { recursive: true })
  cpSync(dirname(require.resolve('fs-ext/package.json')), unfinished, { recursive: true })
  const prefix = dirname(dirname(execPath))
  const headers = existsSync(join(prefix, 'include/node')) ? [`--nodedir=${prefix}`] : []
  const nodeGyp = join(dirname(require.resolve('node-gyp/package.json')), 'bin/node-gyp.js')
  execFileSync(execPath, [nodeGyp, 'rebuild', '--silent', ...headers], { cwd: unfinished, stdio: 'pipe' })
  renameSync(unfinished, copy)
}
