/** The command: see README.md. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { has } from '../helpers/child.ts'
import { compile } from '../helpers/peer.ts'
import { randomOf } from '../helpers/seed.ts'
import { libfaketime } from './disturbances/clock.ts'
import { disturbances } from './disturbances/index.ts'
import { round } from './round.ts'
import { Stage } from './stage.ts'

const ROUND_S = 10
/** A run goes on until there was each of these, on a machine that is busy for longer than it was to last, but not for ever. */
const TO_HAPPEN = ['kills', 'freezes', 'acknowledged']
const AT_MOST = 5
const ALWAYS_TOLD = [...TO_HAPPEN, 'lost', 'doubled', 'overlaps']
const OF_OUR_OWN = 'SQLOCK_STRESS_OWN_MOUNTS'

const seconds = Number(process.env.SQLOCK_STRESS_S ?? 60)
const seed = Number(process.env.SQLOCK_SEED ?? Math.floor(Math.random() * 2 ** 31))
const canMount = process.env[OF_OUR_OWN] === '1'

// What is mounted here is nobody else's business, and goes with the process.
if (process.env[OF_OUR_OWN] === undefined) {
  const mounts = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const [command, ...args] = mounts ? ['unshare', '--mount', ...again] : again
  const env = { ...process.env, [OF_OUR_OWN]: mounts ? '1' : '0', SQLOCK_SEED: String(seed) }
  process.exit(spawnSync(command!, args, { stdio: 'inherit', env }).status ?? 1)
}

/** Those that the machine can have. */
function kindsOf(small: boolean): string[] {
  const can: Record<string, boolean> = {
    fullDisk: small,
    clock: libfaketime !== undefined,
    descriptors: has('prlimit')
  }
  return Object.keys(disturbances).filter(kind => can[kind] ?? true)
}

if (!canMount) console.log('skipped: full disks, as only root can mount a small file system')
if (!libfaketime) console.log('skipped: clock jumps, as there is no libfaketime')
await compile(console.log)
console.log(`SQLOCK_SEED=${seed}`)

const base = realpathSync(mkdtempSync(join(tmpdir(), 'sqlock-stress-')))
const totals = new Map(ALWAYS_TOLD.map(what => [what, 0]))
const start = performance.now()
const secondsLeft = () => seconds - (performance.now() - start) / 1000
const isEnough = () =>
  TO_HAPPEN.every(what => totals.get(what)! > 0) || secondsLeft() < (1 - AT_MOST) * seconds
const goesOn = () => secondsLeft() > 0 || !isEnough()

/** A round is determined by its seed alone, so that a violation can be had again without those before. */
async function runRound(seed: number): Promise<string[]> {
  const small = canMount && seed % 2 === 1
  const root = join(base, `${seed}`)
  mkdirSync(root)
  if (small) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'none', root])
  const stage = new Stage(root, join(base, `evidence-${seed}`))
  const length = secondsLeft() > 0 ? Math.min(ROUND_S, secondsLeft()) : ROUND_S
  await round(stage, randomOf(seed), kindsOf(small), length * 1000)
  for (const [what, number] of stage.counts) {
    const before = totals.get(what) ?? 0
    totals.set(what, what.startsWith('longest') ? Math.max(before, number) : before + number)
  }
  if (stage.violations.length === 0) {
    // Our own locker has it open until it is collected.
    if (small) execFileSync('umount', ['--lazy', root])
    for (const dir of [root, stage.evidence]) rmSync(dir, { recursive: true })
  }
  return stage.violations
}

let violations: string[] = []
let current = seed
for (; goesOn(); current++) {
  violations = await runRound(current)
  if (violations.length > 0) break
}

console.log(`seconds: ${(seconds - secondsLeft()).toFixed(0)}`)
for (const [what, number] of totals) console.log(`${what}: ${number}`)
for (const violation of violations) console.log(`VIOLATED: ${violation}`)
if (violations.length === 0) rmSync(base, { recursive: true })
else console.log(`SQLOCK_SEED=${current} is the round; the evidence is in ${base}`)
process.exitCode = violations.length === 0 ? 0 : 1
