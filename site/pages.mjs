/** Which files of the repository are pages, where each is on the site, and in what order they stand in its margin. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { posix } from 'node:path'

export const root = fileURLToPath(new URL('..', import.meta.url))
const read = file => readFileSync(root + file, 'utf8')
const exists = file => existsSync(root + file)

/** What is not there is left out; a document that stands nowhere here comes last. */
const groups = {
  Introduction: ['README.md'],
  'How to use it': [
    'docs/api.md',
    'docs/recipes.md',
    'examples/README.md',
    'docs/errors.md',
    'docs/cli.md',
    'docs/diagnostics.md'
  ],
  'Coming from others': ['docs/migrating.md', 'docs/better-sqlite3.md'],
  'With query builders': ['docs/kysely.md', 'docs/drizzle.md', 'docs/knex.md'],
  'How it works': [
    'docs/design.md',
    'docs/reliability.md',
    '__test__/stress/README.md',
    '__test__/peers/README.md'
  ],
  'How fast it is': ['docs/performance.md', 'bench/README.md'],
  Project: ['CHANGELOG.md', 'SECURITY.md', 'CONTRIBUTING.md']
}

const documents = readdirSync(`${root}docs`).filter(name => name.endsWith('.md'))
const named = new Set(Object.values(groups).flat())
const others = documents.map(name => `docs/${name}`).filter(file => !named.has(file))

const shown = Object.entries({ ...groups, More: others })
  .map(([text, files]) => ({ text, files: files.filter(exists) }))
  .filter(({ files }) => files.length > 0)

export const pages = shown.flatMap(({ files }) => files)

/** The path on the site, with the ending of the file. */
export function route(file) {
  if (file === 'README.md') return 'index.md'
  return file.replace(/^(docs|site)\//, '').replace(/^(?:.*\/)?([^/]+)\/README\.md$/, '$1.md')
}

const title = file => /^# (.*)$/m.exec(read(file))[1].replaceAll('`', '')

export const sidebar = shown.map(({ text, files }) => ({
  text,
  items: files.map(file => ({ text: title(file), link: `/${route(file)}` }))
}))

/** The file that a link of `from` leads to, a path in the repository; of a directory, its README. */
function target(from, path) {
  const file = posix.join(posix.dirname(from), path)
  if (!exists(file)) throw new Error(`${from}: the link to ${path} leads nowhere`)
  return statSync(root + file).isDirectory() ? posix.join(file, 'README.md') : file
}

const isOutside = href => /^[a-z]+:/.test(href)

/** Where a link of a page leads on the site. */
export function link(from, href) {
  if (isOutside(href) || href.startsWith('#')) return href
  const [path, anchor] = href.split('#')
  const file = target(from, path)
  const page = file.endsWith('.md') ? `/${route(file)}` : `/source/${file}.html`
  return anchor ? `${page}#${anchor}` : page
}

/** A call of a function in an example, `all[name](path)`, is no link. */
const withoutCode = text => text.replace(/^(`{3,})[^]*?^\1/gm, '').replace(/`[^`\n]*`/g, '')

/** The files that pages link to and that are no pages: the site shows their text. */
export function sources() {
  const linked = pages.flatMap(file =>
    [...withoutCode(read(file)).matchAll(/\]\(([^)#\s]+)/g)]
      .map(match => match[1])
      .filter(href => !isOutside(href))
      .map(href => target(file, href))
  )
  return [...new Set(linked)]
    .filter(file => !/\.(md|svg)$/.test(file))
    .map(file => ({ file, text: read(file) }))
}
