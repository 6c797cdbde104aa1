/** The examples: each checks by itself what it claims; here, that it has got that far, and left nothing behind. */
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { run } from './helpers/child.ts'
import { tmpDir } from './helpers/tmp.ts'

/** What each says last. */
const OUTCOMES = {
  'cluster.mjs': /^\d+ answered and in the file, \d+ without an answer$/,
  'jobs.mjs': /^200 jobs done, each once, although a worker was killed$/,
  'cli.mjs': /^306 notes, of 6 commands and 300 requests$/,
  'migrations.mjs': /^6 processes have applied 0002_cents and 0003_convert, each once$/,
  'export.mjs': /^100000 rows with a sum of 10000000, during [1-9]\d* transfers$/,
  'windows.mjs': /^5300 notes: 100 of each of 3 windows, 5000 imported beside them$/
}

const folder = fileURLToPath(new URL('../examples/', import.meta.url))
const examples = readdirSync(folder).filter(name => name.endsWith('.mjs'))
const read = (name: string) => readFileSync(folder + name, 'utf8')

for (const [name, outcome] of Object.entries(OUTCOMES)) {
  test(`examples/${name} does what it claims`, async t => {
    const dir = tmpDir(t)
    const env = { ...process.env, TMPDIR: dir }
    const { code, stdout, stderr } = await run(t, process.execPath, [folder + name], { env })
    t.is(code, 0, stderr)
    t.is(stderr, '')
    t.regex(stdout.trim(), outcome)
    t.deepEqual(readdirSync(dir), [])
  })
}

test('every example is run by a test, short, and in the list', t => {
  const tests = new URL('.', import.meta.url)
  const specs = readdirSync(tests).filter(name => name.endsWith('.spec.ts'))
  const texts = specs.map(name => readFileSync(new URL(name, tests), 'utf8'))
  const list = read('README.md')
  for (const name of examples) {
    t.true(name in OUTCOMES || texts.some(text => text.includes(`examples/${name}`)), name)
    t.true(read(name).trimEnd().split('\n').length < 60, name)
    t.true(list.includes(`[${name}](${name})`), name)
  }
})
