/** Folders of migrations as drizzle-kit writes them: a journal beside the files, from Drizzle 1 on a folder for each. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { Generation } from './drizzle.ts'
import { tmpDir } from './tmp.ts'

const BREAK = '--> statement-breakpoint\n'

/** Of each migration its time, as drizzle-kit writes it into names: a second after the one before. */
const stamp = (n: number) => `202601020304${String(n).padStart(2, '0')}`
const millis = (n: number) => Date.UTC(2026, 0, 2, 3, 4, n)

/** A migration is a text, or several statements. */
export function migrationsFolder(
  t: ExecutionContext,
  { isDrizzle1 }: Pick<Generation, 'isDrizzle1'>,
  migrations: (string | string[])[],
  folder = tmpDir(t)
): string {
  const texts = migrations.map(migration => [migration].flat().join(BREAK))
  if (isDrizzle1) writeFolders(folder, texts)
  else writeJournal(folder, texts)
  return folder
}

function writeFolders(folder: string, texts: string[]): void {
  for (const [n, text] of texts.entries()) {
    const own = join(folder, `${stamp(n)}_step`)
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'migration.sql'), text)
  }
}

function writeJournal(folder: string, texts: string[]): void {
  const entries = texts.map((_, idx) => ({
    idx,
    version: '6',
    when: millis(idx),
    tag: `${String(idx).padStart(4, '0')}_step`,
    breakpoints: true
  }))
  for (const [n, text] of texts.entries()) writeFileSync(join(folder, `${entries[n]?.tag}.sql`), text)
  mkdirSync(join(folder, 'meta'), { recursive: true })
  writeFileSync(
    join(folder, 'meta', '_journal.json'),
    JSON.stringify({ version: '7', dialect: 'sqlite', entries })
  )
}
