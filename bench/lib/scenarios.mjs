/** The scenarios of a run, narrowed to the rows and contestants that were asked for. */

const ONLY = { name: '' }

/** The scenarios with these letters. A row is asked for by a part of its name, a contestant by the whole of it. */
export async function chosenScenarios({ letters, rows, contestants }) {
  const all = []
  for (const letter of letters) {
    const { default: scenarios } = await import(`../scenarios/${letter.toLowerCase()}.mjs`)
    all.push(...[scenarios].flat())
  }
  const chosen = all
    .map(scenario => narrowed(scenario, rows, contestants))
    .filter(({ variants, contestants }) => variants.length > 0 && contestants.length > 0)
  if (chosen.length === 0) throw new RangeError(`nothing to measure: there are\n${describe(all)}`)
  return chosen
}

function narrowed(scenario, rows, contestants) {
  const { variants = [ONLY], contestants: everybody } = scenario
  return {
    ...scenario,
    variants: variants.filter(({ name }) => !rows || rows.some(part => has(name, part))),
    contestants: everybody.filter(name => !contestants || contestants.includes(name)),
    // Scenario I polls with it, whoever the contestants are.
    usesFsExt: everybody.some(name => name.startsWith('fs-ext'))
  }
}

const has = (name, part) => name.toLowerCase().includes(part.toLowerCase())

function describe(scenarios) {
  return scenarios
    .flatMap(({ letter, variants = [ONLY], contestants }) =>
      variants.map(({ name }) => `  ${letter} ${name} (${contestants.join(', ')})`)
    )
    .join('\n')
}
