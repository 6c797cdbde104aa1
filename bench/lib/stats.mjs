/** The statistics that are reported. */

/** The shares that a distribution tells of: 90 %, 99 % and so on to 99.999 %, and some before and between them. */
export const SHARES = Array.from({ length: 21 }, (_, n) => 1 - 10 ** (-n / 4))

/** The value below which the share `p` of the numbers lies. */
export function percentile(numbers, p) {
  return percentiles(numbers, [p])?.[0] ?? null
}

/** The distribution of the numbers: below what lies each of the SHARES. */
export function distribution(numbers) {
  return percentiles(numbers, SHARES)
}

function percentiles(numbers, shares) {
  if (numbers.length === 0) return null
  const sorted = Float64Array.from(numbers).toSorted()
  const last = sorted.length - 1
  return shares.map(p => sorted[Math.min(last, Math.max(0, Math.ceil(p * sorted.length) - 1))])
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export function sum(numbers) {
  return numbers.reduce((total, n) => total + n, 0)
}

/** Not Math.max(...numbers): a spread of so many latencies overflows the stack. */
export function max(numbers) {
  return numbers.reduce((most, n) => (n > most ? n : most), 0)
}

/** Jain's fairness index: 1 when all got the same, 1/n when one got everything. */
export function jain(shares) {
  const squares = sum(shares.map(share => share ** 2))
  return squares === 0 ? null : sum(shares) ** 2 / (shares.length * squares)
}

/** Errors add up over the rounds, where a median would hide the one that happened; anything else is a median. */
export function overRounds(rounds) {
  const summed = new Set(['errors', 'timeouts'])
  const names = Object.keys(rounds[0])
  return Object.fromEntries(
    names.map(name => {
      const numbers = rounds.map(round => round[name]).filter(value => value !== null)
      if (numbers.length < rounds.length) return [name, null]
      if (Array.isArray(numbers[0]))
        return [name, numbers[0].map((_, n) => median(numbers.map(all => all[n])))]
      return [name, summed.has(name) ? sum(numbers) : median(numbers)]
    })
  )
}
