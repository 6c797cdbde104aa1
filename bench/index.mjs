/** Measures sqlock against its rivals and prints a table: `node index.mjs --scenario A,D --rounds 3 --json out.json`. */
import { describeMachine, heading, missingRivals } from './lib/machine.mjs'
import { nodeFor } from './lib/node-sqlite.mjs'
import { SHARES, overRounds } from './lib/stats.mjs'
import { parseArgs } from 'node:util'
import { table } from './lib/table.mjs'
import { writeFileSync } from 'node:fs'

const LETTERS = ['A', 'B', 'C', 'D', 'E', 'E1', 'F', 'G', 'H', 'I', 'J']

function options() {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string', default: LETTERS.join(',') },
      rounds: { type: 'string', default: '3' },
      json: { type: 'string' }
    }
  })
  const letters = values.scenario.toUpperCase().split(',')
  const unknown = letters.filter(letter => !LETTERS.includes(letter))
  if (unknown.length > 0) throw new RangeError(`no scenario ${unknown}: there are ${LETTERS}`)
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds must be a positive integer')
  return { letters, rounds, json: values.json }
}

/** All rounds of one scenario: the contestants take turns, so that a slow minute of the machine hits all of them. */
async function measure(scenario, rounds) {
  const variants = scenario.variants ?? [{ name: '' }]
  const contestants = scenario.contestants.filter(nodeFor)
  const all = variants.map(variant => ({
    variant,
    results: contestants.map(contestant => ({ contestant, rounds: [] }))
  }))
  for (let round = 1; round <= rounds; round++) {
    for (const { variant, results } of all) {
      for (const result of results) {
        process.stderr.write(`${scenario.letter} ${variant.name} ${result.contestant}, round ${round}\n`)
        result.rounds.push(await scenario.round(result.contestant, variant))
      }
    }
  }
  const { letter, title, unit, better } = scenario
  return all.map(({ variant, results }) => ({
    letter,
    title,
    variant: variant.name,
    unit,
    better,
    results: results.map(result => ({ ...result, medians: overRounds(result.rounds) }))
  }))
}

/** No measurement is exact to more than six digits. */
const rounded = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value)

/** A line for each table: those of a full run are kept in git. */
const toJson = results => JSON.stringify(results, rounded).replaceAll('{"letter"', '\n{"letter"')

const { letters, rounds, json } = options()
const missing = missingRivals()
if (missing.length > 0) {
  console.error(
    `not installed: ${missing.join(', ')}\nThe rivals are dependencies of bench/ only: run "npm ci" in it.`
  )
  process.exit(1)
}
const machine = describeMachine()
const measured = []
console.log(heading(machine))
for (const letter of letters) {
  const { default: scenarios } = await import(`./scenarios/${letter.toLowerCase()}.mjs`)
  for (const scenario of [scenarios].flat()) {
    const variants = await measure(scenario, rounds)
    for (const variant of variants) console.log(table(variant))
    measured.push(...variants)
  }
}
if (json) writeFileSync(json, `${toJson({ ...machine, rounds, shares: SHARES, measured })}\n`)
