// Makes the tarballs for npm, in dist/ or `--to` another directory: the root package, and one for each platform whose addon is in the given directory.
//
//   node scripts/pack.mjs                  this machine's addon, where `npm run build` has put it
//   node scripts/pack.mjs artifacts --all  a release: an addon that is missing is an error
//
// The optional dependencies are written here and nowhere else: in the repository, `npm ci` would look for packages that are
// not published yet.
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { NapiCli, parseTriple } from '@napi-rs/cli'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean' }, to: { type: 'string', default: 'dist' } }
})
const root = fileURLToPath(new URL('..', import.meta.url))
const addons = resolve(positionals[0] ?? root)
const dist = resolve(root, values.to)
const { napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const targets = napi.targets.map(triple => {
  const platform = parseTriple(triple).platformArchABI
  return { triple, platform, addon: `${napi.binaryName}.${platform}.node` }
})
const found = targets.filter(({ addon }) => existsSync(join(addons, addon)))
const missing = targets.filter(target => !found.includes(target))
if (found.length === 0 || (values.all && missing.length > 0))
  throw new Error(`not in ${addons}: ${missing.map(({ addon }) => addon).join(', ')}`)

const licences = ['LICENSE', 'THIRD-PARTY-LICENSES']
  .map(file => readFileSync(join(root, file), 'utf8'))
  .join('\n')

rmSync(dist, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
const stage = mkdtempSync(join(tmpdir(), 'sqlock-pack-'))
try {
  // What npm would pack, without what else lies in the repository.
  pack(root, stage)
  const [tarball] = readdirSync(stage)
  execFileSync('tar', ['xzf', tarball], { cwd: stage })
  const staged = join(stage, 'package')
  writeFileSync(
    join(staged, 'napi.json'),
    JSON.stringify({ ...napi, targets: found.map(({ triple }) => triple) })
  )

  const cli = new NapiCli()
  await cli.createNpmDirs({ cwd: staged, configPath: 'napi.json' })
  for (const { platform, addon } of found) {
    copyFileSync(join(addons, addon), join(staged, 'npm', platform, addon))
    // Both in one: beside the addon, this is the only file that npm takes.
    writeFileSync(join(staged, 'npm', platform, 'LICENSE'), licences)
  }
  await cli.prePublish({ cwd: staged, configPath: 'napi.json', skipOptionalPublish: true, ghRelease: false })

  for (const { platform } of found) pack(join(staged, 'npm', platform), dist)
  pack(staged, dist)
} finally {
  rmSync(stage, { recursive: true })
}

function pack(folder, destination) {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', destination]
  execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
}
