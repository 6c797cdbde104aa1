/** What the documentation shows runs as it stands. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { run } from './helpers/child.ts'
import { tmpDir } from './helpers/tmp.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string) => readFileSync(join(root, file), 'utf8')
/** What an example may import: the package, and the libraries that it has adapters for. */
const { name, peerDependencies } = JSON.parse(read('package.json'))
const packages = [
  [name, root],
  ...Object.keys(peerDependencies).map(peer => [peer, join(root, 'node_modules', peer)])
]
const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n')

for (const file of documents) {
  const blocks = [...read(file).matchAll(/^```js\n([\s\S]*?)^```/gm)].map(match => match[1] as string)
  for (const [n, block] of blocks.entries()) {
    test(`example ${n + 1} of ${file} runs`, async t => {
      const dir = tmpDir(t)
      mkdirSync(join(dir, 'node_modules'))
      mkdirSync(join(dir, 'data'))
      for (const [name, folder] of packages) symlinkSync(folder, join(dir, 'node_modules', name))
      writeFileSync(join(dir, 'example.mjs'), block)
      const { code, stdout, stderr } = await run(t, process.execPath, ['example.mjs'], { cwd: dir })
      t.is(code, 0, stderr)
      t.is(stderr, '')
      if (block.includes('console.log')) t.true(stdout.length > 0)
    })
  }

  test(`the links of ${file} lead somewhere`, t => {
    const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(match => match[1] as string)
    for (const link of links) t.notThrows(() => readFileSync(join(root, file, '..', link)), link)
    t.true(links.every(link => !link.startsWith('/')))
  })
}

test('the README names every error code and every process warning', t => {
  const readme = read('README.md')
  const types = read('index.d.ts')
  for (const code of new Set(types.match(/ERR_SQLOCK_[A-Z_]+/g))) t.true(readme.includes(`\`${code}\``), code)
  const warnings = ['lib/hold.js', 'lib/write-locker.js'].flatMap(file =>
    [...read(file).matchAll(/'(SQLOCK_[A-Z_]+)'/g)].map(match => match[1])
  )
  t.true(warnings.length > 0)
  for (const code of warnings) t.true(readme.includes(`\`${code}\``), code)
})
