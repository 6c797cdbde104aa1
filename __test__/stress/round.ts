/** One round: a fresh directory, its actors, disturbances until the time is up, then the checks. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DB } from '../../index.js'
import { BOUND_MS } from './actor.ts'
import { checkHolds } from './check-holds.ts'
import { authorOf, checkRows } from './check-rows.ts'
import { disturbances } from './disturbances/index.ts'
import { type Act, plan } from './plan.ts'
import { type Stage, processOf } from './stage.ts'

/** Runs one; what came of it is in `stage.counts` and `stage.violations`. */
export async function round(stage: Stage, random: () => number, kinds: string[], ms: number): Promise<void> {
  try {
    await perform(stage, plan(random, kinds), ms)
  } catch (error) {
    stage.violations.push(String(error))
  }
  await stage.clear()
  stage.count('processes', stage.actors.length)
  judgeHolds(stage)
  try {
    await judgeRows(stage)
  } catch (error) {
    stage.violations.push(`I2: ${error}`)
  }
}

async function perform(stage: Stage, steps: ReturnType<typeof plan>, ms: number): Promise<void> {
  await makeTables(stage)
  await stage.enterAll()
  const start = performance.now()
  for (const { acts, pauseMs } of steps) {
    await disturb(stage, acts)
    if (performance.now() - start > ms || stage.violations.length > 0) break
    await delay(pauseMs)
  }
  await stage.stop()
}

export async function makeTables(stage: Stage): Promise<void> {
  const db = new DB(join(stage.dir, 'app.db'))
  await db.createRecord('first', 0)
  await db.exec('CREATE TABLE half (pair, half, PRIMARY KEY (pair, half)) WITHOUT ROWID')
  await db.close()
}

async function disturb(stage: Stage, acts: Act[]): Promise<void> {
  await Promise.all(acts.map(({ kind, who, much }) => disturbances[kind]!(stage, who, much)))
  stage.taken.clear()
  await stage.checkInPassing()
}

function judgeHolds(stage: Stage): void {
  const { holds, cut, violations } = checkHolds(stage.journal(), name => stage.doomedAt(name))
  stage.count('holds with a witness', holds)
  stage.count('of them cut short', cut)
  stage.count('overlaps', violations.length)
  stage.violations.push(...violations)
}

async function judgeRows(stage: Stage): Promise<void> {
  const notes = stage.notes()
  const db = new DB(join(stage.dir, 'app.db'))
  const { acknowledged, ...wrong } = checkRows(db, notes, name => stage.doomedAt(name) !== undefined)
  stage.count('acknowledged', acknowledged)
  for (const [what, keys] of Object.entries(wrong)) {
    stage.count(what, keys.length)
    for (const key of keys.slice(0, 5)) stage.violations.push(`I2 ${what}: ${key}`)
  }
  const integrity = db.pragma('integrity_check', { simple: true })
  if (integrity !== 'ok') stage.violations.push(`integrity_check: ${integrity}`)
  await db.close()
  stage.checkFiles()
  for (const note of notes) judgeNote(stage, note)
}

/** I1: a write of somebody else came between. I4: how long those who are refused have waited. */
function judgeNote(stage: Stage, note: string): void {
  const [what, key, code, ms] = note.split(' ') as [string, string, string?, string?]
  if (what === '!') stage.violations.push(`I1: somebody wrote in the middle of the hold of ${key}`)
  if (what === '?') stage.count(`failures in ${key.split('.')[0]}`)
  if (what !== '-') return
  const timeout = code === 'timeout' || code === 'ERR_SQLOCK_TIMEOUT'
  stage.count(timeout ? `timeouts of ${key.split('.')[0]}` : `refused with ${code}`)
  const author = stage.actors.find(({ name }) => name === processOf(authorOf(key)))
  if (!timeout || !ms || author?.excused) return
  stage.longest('longest wait until a timeout, ms', Number(ms))
  if (Number(ms) > BOUND_MS) stage.violations.push(`I4: ${key} was refused after ${ms} ms`)
}
