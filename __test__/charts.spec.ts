/** The charts of the docs: drawn from the committed results of the benchmarks, and fair to the eye. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { has, run } from './helpers/child.ts'
import { isThere } from './helpers/there.ts'
import { tmpDir } from './helpers/tmp.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const charts = join(root, 'docs/charts')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const names = readdirSync(charts)
const svgs = names.map(name => [name, read(`docs/charts/${name}`)] as const)
const results = JSON.parse(read('bench/results.json'))

const vega = isThere(
  existsSync(join(root, 'bench/node_modules/vega-lite')),
  'charts are drawn by Vega-Lite: npm ci --prefix bench --ignore-scripts'
)
const withVega = vega ? test : test.skip
const withPython = has('python3') ? test : test.skip

withVega('the charts are those of the committed results', async t => {
  const out = tmpDir(t)
  const { code, stderr } = await run(t, process.execPath, [join(root, 'bench/plot.mjs'), '--out', out])
  t.is(code, 0, stderr)
  t.is(stderr, '')
  t.deepEqual(readdirSync(out), names)
  for (const [name, svg] of svgs)
    t.is(readFileSync(join(out, name), 'utf8'), svg, `${name}: npm run bench:plot`)
})

test('there is a chart for each specification, and the docs show it', t => {
  t.deepEqual(
    names,
    readdirSync(join(root, 'bench/charts')).map(name => name.replace('.mjs', '.svg'))
  )
  for (const name of names)
    t.regex(read('docs/performance.md'), new RegExp(`!\\[[^\\]]+\\]\\(charts/${name}\\)`), name)
})

withPython('a chart is well-formed XML', async t => {
  const parse = 'import sys, xml.dom.minidom as dom\nfor file in sys.argv[1:]: dom.parse(file)'
  const files = names.map(name => join(charts, name))
  const { code, stderr } = await run(t, 'python3', ['-c', parse, ...files])
  t.is(code, 0, stderr)
})

test('the axes of a chart begin at zero, or are said to be logarithmic', t => {
  for (const [name, svg] of svgs) {
    // Vega-Lite describes each axis for those who cannot see it.
    const axes = [
      ...svg.matchAll(/aria-label="[XY]-axis titled '(.*?)' for a (\w+) scale with values from (\S+) to/g)
    ]
    t.true(axes.length > 0, name)
    t.is(axes.length, [...svg.matchAll(/aria-roledescription="axis"/g)].length, name)
    for (const [, title, scale, first] of axes) {
      if (scale === 'log') t.true(title?.endsWith('(logarithmic)'), `${name}: ${title}`)
      else t.deepEqual([scale, first], ['linear', '0'], `${name}: ${title}`)
    }
  }
})

test('a chart says on which machine, when and how its figures were measured', t => {
  for (const [name, svg] of svgs) {
    const text = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(match => match[1]).join(' ')
    for (const part of [results.machine, results.nodes[0].node, results.date.slice(0, 10), 'npm run bench']) {
      t.true(text.includes(part), `${name}: ${part}`)
    }
  }
})

test('a chart has colours for the night, and loads nothing', t => {
  for (const [name, svg] of svgs) {
    t.true(svg.includes('@media (prefers-color-scheme: dark)'), name)
    t.notRegex(svg, /href|url\(|@import|<script/, name)
    // Every colour has one for the night.
    const [night, ...drawn] = svg.split('</style>')
    const colors = new Set(drawn.join('').match(/(?:fill|stroke)="#[0-9a-f]+"/g))
    t.true(colors.size > 3, name)
    for (const color of colors) t.true(night?.includes(`[${color}]`), `${name}: ${color}`)
  }
})
