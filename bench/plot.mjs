/** Draws the charts of a run: `node plot.mjs --json results.json --out ../docs/charts`, which is what it does unless told. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { draw } from './lib/svg.mjs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const here = path => fileURLToPath(new URL(path, import.meta.url))

const { values } = parseArgs({
  options: {
    json: { type: 'string', default: here('results.json') },
    out: { type: 'string', default: here('../docs/charts') }
  }
})
const run = JSON.parse(readFileSync(values.json, 'utf8'))
const { date, machine, rounds } = run
// The first one of a run is the newest one; the tables have the others.
const [{ node }] = run.nodes
const results = { ...run, measured: run.measured.filter(one => one.node === node) }
mkdirSync(values.out, { recursive: true })
for (const file of readdirSync(here('charts'))) {
  const { default: chart } = await import(`./charts/${file}`)
  const source = [
    `${machine}, Node ${node}, ${date.slice(0, 10)}`,
    `npm run bench -- --scenario ${chart.scenarios} --rounds ${rounds}`
  ]
  const svg = await draw({ title: chart.title, plots: chart.plots(results), source })
  writeFileSync(join(values.out, file.replace('.mjs', '.svg')), svg)
}
