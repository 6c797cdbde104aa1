/**
 * The code blocks of the documents. One that begins with a comment that is a file name, `// server.mjs`, is that file of a program,
 * and a test of its own runs it; every other block of JavaScript is a program by itself.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { tmpDir } from './tmp.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const read = (file: string) => readFileSync(join(root, file), 'utf8')
export const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n')

export interface Block {
  language: string
  /** The file that it is. */
  name: string | undefined
  text: string
}

/** The blocks of a document that say what language they are in. */
export function blocksOf(file: string): Block[] {
  return [...read(file).matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language = '', text = '']) => ({
    language,
    name: /^(?:\/\/|#) ([\w.]+\.\w+)\n/.exec(text)?.[1],
    text
  }))
}

/** Where the libraries are that a block may import. */
const shelves = ['.', '__test__/frameworks', 'bench'].map(path => join(root, path, 'node_modules'))

/** A fresh directory with these files, `data/`, and what they import by name. */
export function projectOf(t: ExecutionContext, files: Record<string, string>): string {
  const dir = tmpDir(t)
  mkdirSync(join(dir, 'data'))
  mkdirSync(join(dir, 'node_modules'))
  symlinkSync(root, join(dir, 'node_modules', 'sqlock'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
    for (const [, library = ''] of text.matchAll(/ from '((?:@[\w-]+\/)?[\w-]+)(?:\/[\w/-]+)?'/g)) {
      const place = join(dir, 'node_modules', library)
      const source = shelves.map(shelf => join(shelf, library)).find(existsSync)
      if (source && !existsSync(place)) {
        mkdirSync(dirname(place), { recursive: true })
        symlinkSync(source, place)
      }
    }
  }
  return dir
}
