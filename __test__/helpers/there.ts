/** Is it there? If not, the reason why tests are skipped is printed; CI has to have everything. */
export function isThere(found: boolean, reason: string): boolean {
  if (!found && process.env.CI) throw new Error(reason)
  if (!found) console.warn(`skipped: ${reason}`)
  return found
}
