/** The options of the command line. */
import { parseArgs } from 'node:util'

const LETTERS = ['A', 'B', 'C', 'D', 'E', 'E1', 'F', 'G', 'H', 'I', 'J', 'S', 'T']

/** The parts of a text that commas divide. */
const list = text => text?.split(',').map(part => part.trim())

export function options() {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string', default: LETTERS.join(',') },
      rows: { type: 'string' },
      contestant: { type: 'string' },
      node: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'string' }
    }
  })
  const letters = list(values.scenario.toUpperCase())
  const unknown = letters.filter(letter => !LETTERS.includes(letter))
  if (unknown.length > 0) throw new RangeError(`no scenario ${unknown}: there are ${LETTERS}`)
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds must be a positive integer')
  return {
    letters,
    rounds,
    rows: list(values.rows),
    contestants: list(values.contestant),
    majors: list(values.node)?.map(Number),
    json: values.json
  }
}
