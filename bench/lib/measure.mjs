/** Measures a scenario: each contestant in processes of its own, in turn with the others. */
import { compileFsExt } from './fs-ext.mjs'
import { overRounds } from './stats.mjs'
import { runOn } from './spawn.mjs'
import { runsOn } from './rivals.mjs'

/** A table for each row and each Node, as soon as it is measured. */
export async function* measure(scenario, runtimes, rounds) {
  const { letter, title, unit, better, contestants } = scenario
  for (const variant of scenario.variants) {
    for (const runtime of runtimes) {
      runOn(runtime)
      if (scenario.usesFsExt) compileFsExt(runtime)
      const results = contestants
        .filter(contestant => runsOn(contestant, runtime))
        .map(contestant => ({ contestant, rounds: [] }))
      for (let round = 1; round <= rounds; round++) {
        // The contestants take turns, so that a slow minute of the machine hits all of them.
        for (const result of results) {
          const what = [letter, variant.name, result.contestant].filter(Boolean).join(' ')
          process.stderr.write(`${what}, Node ${runtime.node}, round ${round}\n`)
          result.rounds.push(await scenario.round(result.contestant, variant, runtime))
        }
      }
      yield {
        letter,
        title,
        node: runtime.node,
        variant: variant.name,
        calls: variant.calls ?? scenario.calls,
        unit,
        better,
        results: results.map(({ contestant, rounds }) => ({
          contestant,
          rounds,
          medians: overRounds(rounds)
        }))
      }
    }
  }
}
