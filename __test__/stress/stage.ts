/** What disturbances and checks share: the directory, the actors on it, and what they leave as evidence. */
import { appendFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WriteLocker } from '../../index.js'
import { type Peer, foreign } from '../helpers/peer.ts'
import { Actor, within } from './actor.ts'
import { clockEnv, libfaketime } from './disturbances/clock.ts'

const sqlock: Peer = {
  language: 'sqlock',
  command: [process.execPath, fileURLToPath(new URL('actor.mjs', import.meta.url))]
}

const FILES = new Set(['app.db', 'app.db-shm', 'app.db-wal', 'db.lock'])

/** A place that is filled anew when its actor was made to end. */
export interface Role {
  peer: Peer
  env: NodeJS.ProcessEnv
  actor: Actor
}

/** `sqlock.7` of its thread `sqlock.7.0`. */
export const processOf = (name: string) => name.split('.', 2).join('.')

/** The last line may be under way. */
const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1)

export class Stage {
  /** Where the writers are; the root of its file system. */
  readonly root: string
  readonly dir: string
  readonly evidence: string
  readonly roles: Role[] = []
  readonly actors: Actor[] = []
  /** Who was made to end, and how many lines the journal had just before. */
  readonly doomed = new Map<string, number>()
  readonly violations: string[] = []
  readonly counts = new Map<string, number>()
  /** Who has a part in the step that is under way. */
  readonly taken = new Set<Role>()

  constructor(root: string, evidence: string) {
    this.root = root
    this.dir = join(root, 'data')
    this.evidence = evidence
    mkdirSync(this.dir, { recursive: true })
    mkdirSync(evidence)
    writeFileSync(join(evidence, 'journal'), '')
    writeFileSync(join(evidence, 'counter'), '0'.padStart(12, '0'))
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }

  longest(what: string, ms: number): void {
    this.counts.set(what, Math.max(this.counts.get(what) ?? 0, Math.ceil(ms)))
  }

  /** Two that use sqlock, one whose clock jumps if that can be, and one of each other language. */
  async enterAll(peers: Peer[] = foreign): Promise<void> {
    const environments = libfaketime ? [{}, {}, clockEnv(this)] : [{}, {}]
    const cast = environments.map(env => ({ peer: sqlock, env }))
    for (const { peer, env } of [...cast, ...peers.map(peer => ({ peer, env: {} }))])
      this.roles.push({ peer, env, actor: this.#start(peer, env) })
    await Promise.all(this.actors.map(actor => actor.says('ready')))
  }

  #start(peer: Peer, env: NodeJS.ProcessEnv): Actor {
    const name = `${peer.language}.${this.actors.length}`
    const command = peer === sqlock ? [] : ['work']
    const actor = new Actor(name, peer, [...command, this.dir, name, this.evidence], env)
    this.actors.push(actor)
    return actor
  }

  /** One that nothing else is done to in this step, if there is one. */
  take(who: number, suits: (role: Role) => boolean = () => true): Role | undefined {
    const free = this.roles.filter(role => !this.taken.has(role) && suits(role))
    const role = free[Math.floor(who * free.length)]
    if (role) this.taken.add(role)
    return role
  }

  takeSqlock(who: number): Role | undefined {
    return this.take(who, ({ peer }) => peer === sqlock)
  }

  /** Who has announced a hold and not its end. */
  inside(): Role | undefined {
    const [what, name] = this.journal().at(-1)?.split(' ') ?? []
    return what === 'enter' ? this.roles.find(({ actor }) => actor.name === processOf(name!)) : undefined
  }

  journal(): string[] {
    return linesOf(this.#journal)
  }

  /** What all have noted. */
  notes(): string[] {
    const files = readdirSync(this.evidence).filter(name => name.startsWith('notes-'))
    return files.flatMap(file => linesOf(join(this.evidence, file)))
  }

  get #journal(): string {
    return join(this.evidence, 'journal')
  }

  /** From here on it, or one of its threads, may vanish in the middle of anything. */
  doom(name: string): void {
    if (!this.doomed.has(name)) this.doomed.set(name, this.journal().length)
  }

  /** Of a thread also when its process was. */
  doomedAt(name: string): number | undefined {
    return this.doomed.get(name) ?? this.doomed.get(processOf(name))
  }

  /** Makes the actor of a role end as `how` does it, unless something else has, and puts another one there. */
  async replace(role: Role, fate: number | NodeJS.Signals, how: (actor: Actor) => void): Promise<boolean> {
    const { actor } = role
    if (this.doomed.has(actor.name)) return false
    this.doom(actor.name)
    actor.fate = fate
    how(actor)
    this.violations.push(...(await actor.ended()))
    await this.checkGrant('kill')
    role.actor = this.#start(role.peer, role.env)
    await role.actor.says('ready')
    return true
  }

  /** Lets all finish what they are at, and looks how they end. */
  async stop(): Promise<void> {
    for (const { actor } of this.roles) actor.stop()
    for (const { actor } of this.roles) this.violations.push(...(await actor.ended()))
  }

  /** Leaves no process behind, whatever has happened. */
  async clear(): Promise<void> {
    const left = this.actors.filter(({ alive }) => alive)
    for (const actor of left) {
      this.doom(actor.name)
      actor.signal('SIGKILL')
    }
    await Promise.all(left.map(actor => actor.ended()))
  }

  /** Runs `fn` under a hold of our own, and `last` when it is no longer announced. Gives the ms that it was waited for. */
  async hold(fn: () => Promise<void>, last = () => {}): Promise<number> {
    const called = performance.now()
    const guard = await within(new WriteLocker(this.dir).acquire(Infinity), 'the lock for the director')
    const waited = performance.now() - called
    const counter = join(this.evidence, 'counter')
    const value = Number(readFileSync(counter, 'utf8'))
    appendFileSync(this.#journal, `enter director ${value}\n`)
    await fn()
    writeFileSync(counter, String(value + 1).padStart(12, '0'))
    appendFileSync(this.#journal, `leave director ${value + 1}\n`)
    last()
    await guard.release()
    return waited
  }

  /** I3: the lock is to be had; whoever is frozen in a hold may be waited for. */
  async checkGrant(after: string, fn = async () => {}): Promise<void> {
    this.longest(`longest wait after a ${after}, ms`, await this.hold(fn))
  }

  /** I5: while all others wait for the lock, their event loops and pools are usable. I6, and nobody has ended by himself. */
  async checkInPassing(): Promise<void> {
    const all = this.roles.filter(({ peer }) => peer === sqlock)
    await this.checkGrant('step', async () => {
      const asked = performance.now()
      await Promise.all(all.map(({ actor }) => actor.does('answer')))
      this.longest('longest answer, ms', performance.now() - asked)
    })
    this.checkFiles()
    for (const { actor } of this.roles)
      if (!actor.alive) this.violations.push(`${actor.name} has ended by itself: ${actor.stderr}`)
  }

  checkFiles(): void {
    const others = readdirSync(this.dir).filter(name => !FILES.has(name))
    if (others.length > 0) this.violations.push(`I6: ${others.join(', ')}`)
  }
}
