/**
 * Measures sqlock beside its rivals and prints tables: `node index.mjs --scenario G --rows page --rounds 1 --node 26`.
 * README.md says what there is to choose.
 */
import { describeMachine, heading } from './lib/machine.mjs'
import { SHARES } from './lib/stats.mjs'
import { chosenScenarios } from './lib/scenarios.mjs'
import { findRuntimes } from './lib/runtimes.mjs'
import { measure } from './lib/measure.mjs'
import { missingRivals } from './lib/rivals.mjs'
import { options } from './lib/options.mjs'
import { requireDisk } from './lib/directory.mjs'
import { table } from './lib/table.mjs'
import { writeFileSync } from 'node:fs'

/** No measurement is exact to more than six digits. */
const rounded = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value)

/** A line for each table: those of a full run are kept in git. */
const toJson = results => JSON.stringify(results, rounded).replaceAll('{"letter"', '\n{"letter"')

const { rounds, majors, json, ...choice } = options()
const missing = missingRivals()
if (missing.length > 0) {
  console.error(`not installed: ${missing.join(', ')}\nRun "npm install --prefix bench" in the root.`)
  process.exit(1)
}
requireDisk()
const scenarios = await chosenScenarios(choice)
const runtimes = findRuntimes(majors)
const machine = describeMachine(runtimes)
const measured = []
console.log(heading(machine))
for (const scenario of scenarios) {
  for await (const one of measure(scenario, runtimes, rounds)) {
    console.log(table(one))
    measured.push(one)
  }
}
if (json) writeFileSync(json, `${toJson({ ...machine, rounds, shares: SHARES, measured })}\n`)
