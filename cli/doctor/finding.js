/** What a check of the doctor has to say: `{ check, level, message, advice? }`. */
'use strict'

/** From fine to bad; the place of the worst is the exit code. */
const LEVELS = ['ok', 'warning', 'error']

const finding = level => (check, message, advice) => ({ check, level, message, ...(advice && { advice }) })

const worst = findings => Math.max(0, ...findings.map(({ level }) => LEVELS.indexOf(level)))

module.exports = { LEVELS, error: finding('error'), ok: finding('ok'), warning: finding('warning'), worst }
