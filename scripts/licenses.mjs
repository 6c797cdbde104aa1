// Writes THIRD-PARTY-LICENSES: the crates that are linked into the addon on any platform, each with its licence, and the same
// text once. Where a crate gives the choice, MIT is taken.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const cargo = (...args) =>
  execFileSync('cargo', [...args, '--locked'], { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 })

const tree = ['tree', '--edges', 'normal,no-proc-macro', '--prefix', 'none', '--no-dedupe']
const linked = new Set(
  cargo(...tree, ...napi.targets.flatMap(target => ['--target', target]))
    .split('\n')
    .map(line => line.split(' ').slice(0, 2).join(' '))
)
const { packages } = JSON.parse(cargo('metadata', '--format-version', '1'))
const texts = new Map()
for (const crate of packages.filter(({ name, version }) => linked.has(`${name} v${version}`))) {
  if (crate.name === 'sqlock') continue
  const text = licenceOf(crate)
  texts.set(text, [...(texts.get(text) ?? []), `${crate.name} ${crate.version} (${crate.license})`])
}

const SQLITE = 'SQLite, which libsqlite3-sys contains, is in the public domain.\n'
const RUST =
  'The standard library of Rust is used under the MIT licence: Copyright (c) The Rust Project Contributors.\n'
const sections = [...texts].map(([text, crates]) => `${crates.join('\n')}\n\n${text}\n`)
const head = 'What the binary packages of sqlock contain besides sqlock itself.\n'
const line = `\n${'-'.repeat(80)}\n\n`
writeFileSync(join(root, 'THIRD-PARTY-LICENSES'), [head + SQLITE + RUST, ...sections].join(line))

/** The text of the licence that comes with a crate; where none does, that of MIT with its authors. */
function licenceOf({ name, license, manifest_path, authors }) {
  const folder = dirname(manifest_path)
  const files = readdirSync(folder).filter(name => /^(licen[cs]e|copying)/i.test(name))
  const mit = files.filter(name => /mit/i.test(name))
  const chosen = mit.length > 0 ? mit : files
  if (chosen.length === 0) {
    if (!license.includes('MIT') || authors.length === 0) throw new Error(`${name} comes without its licence`)
    const own = readFileSync(join(root, 'LICENSE'), 'utf8').trim()
    return own.replace(/^Copyright .*$/m, `Copyright (c) ${authors.join(', ')}`)
  }
  return chosen
    .map(name => readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim())
    .join('\n\n')
}
