/** What the documentation shows runs as it stands. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import test from 'ava'
import { blocksOf, documents, projectOf, read, root } from './helpers/blocks.ts'
import { run } from './helpers/child.ts'
import { warningCodes } from './helpers/sources.ts'

const specs = readdirSync(join(root, '__test__')).filter(name => name.endsWith('.spec.ts'))
/** What runs programs and commands elsewhere. */
const runners = ['.ci/run', ...specs.map(name => `__test__/${name}`)].map(read).join('\n')
const { scripts } = JSON.parse(read('package.json'))

/** What package.spec.ts does in another form: it installs the tarballs, and builds from the sources in them. */
const PACKAGED = /^(npm install sqlock|cd node_modules\/sqlock$|npx --package=@napi-rs\/cli@3 npm run build$)/

/** What drizzle-kit generates where there is no migration. */
const JOURNAL = JSON.stringify({ version: '7', dialect: 'sqlite', entries: [] })

/** The commands of a shell block, each by itself, without what is only about the amount of work. */
const commandsOf = (text: string) =>
  text
    .split(/\n|&&/)
    .map(command => command.replace(/#.*| -- .*|\b[A-Z_]+=\S+ /g, '').trim())
    .filter(command => command !== '')

const isKnown = (command: string) =>
  PACKAGED.test(command) ||
  (command.startsWith('npm run ') && command.slice(8) in scripts) ||
  runners.includes(command)

/** How a block that is a program by itself is run, by its language. */
const ALONE: Record<string, [file: string, ...args: string[]]> = {
  js: ['example.mjs'],
  ts: ['example.mts', '--import', createRequire(import.meta.url).resolve('tsx')]
}

for (const file of documents) {
  const blocks = blocksOf(file)
  for (const [n, { text, language }] of blocks
    .filter(block => block.language in ALONE && !block.name)
    .entries()) {
    test(`example ${n + 1} of ${file} runs`, async t => {
      const [example, ...args] = ALONE[language] as [string]
      const dir = projectOf(t, { [example]: text, 'drizzle/meta/_journal.json': JOURNAL })
      const { code, stdout, stderr } = await run(t, process.execPath, [...args, example], { cwd: dir })
      t.is(code, 0, stderr)
      // What it warns of may happen on a machine that is busy.
      if (!text.includes('console.warn')) t.is(stderr, '')
      if (text.includes('console.log')) t.true(stdout.length > 0)
    })
  }

  if (blocks.length > 0)
    test(`every block of ${file} is run`, t => {
      for (const { language, name, text } of blocks) {
        if (name) t.true(runners.includes(`'${name}'`), name)
        else if (language === 'sh') for (const command of commandsOf(text)) t.true(isKnown(command), command)
        else if (language === 'diff') t.true(runners.includes(`'${file}'`), text)
        else if (language === 'mermaid') t.deepEqual(missingFiles(text), [])
        else t.true(language in ALONE || language === 'text', text)
      }
    })

  test(`the links of ${file} lead somewhere`, t => {
    const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(match => match[1] as string)
    for (const link of links) t.notThrows(() => readFileSync(join(root, file, '..', link)), link)
    t.true(links.every(link => !link.startsWith('/')))
  })
}

/** The files and folders of the sources that a diagram names, and that do not exist. */
function missingFiles(diagram: string): string[] {
  const named = diagram.match(/\b(?:lib|src)\/[\w/.-]*[\w/]/g) ?? []
  return named.filter(file => !existsSync(join(root, file)))
}

test('the README names every error code and every process warning', t => {
  const readme = read('README.md')
  const types = read('index.d.ts')
  for (const code of new Set(types.match(/ERR_SQLOCK_[A-Z_]+/g))) t.true(readme.includes(`\`${code}\``), code)
  const warnings = warningCodes()
  t.true(warnings.length > 0)
  for (const code of warnings) t.true(readme.includes(`\`${code}\``), code)
})
