/** The site of the documentation, built anew, and read in a browser that has no network. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { isThere } from './helpers/there.ts'

const site = fileURLToPath(new URL('../site/', import.meta.url))
const { stdout } = spawnSync('sh', ['-c', 'command -v chromium || command -v google-chrome'])
const browser = stdout.toString().trim()
const built = mkdtempSync(join(tmpdir(), 'sqlock-site-'))
/** Where the browser believes the site to be. */
const ORIGIN = 'http://sqlock.test'

const isInstalled = isThere(
  existsSync(`${site}node_modules/vitepress`),
  'the site needs VitePress: npm ci --prefix site'
)
const withSite = isInstalled ? test : test.skip
const withBrowser =
  isInstalled && isThere(browser !== '', 'neither chromium nor google-chrome is installed') ? test : test.skip

if (isInstalled) {
  test.before('the site is built', async t => {
    t.timeout(300_000)
    const args = ['node_modules/vitepress/bin/vitepress.js', 'build', '--outDir', built]
    await t.notThrowsAsync(promisify(execFile)(process.execPath, args, { cwd: site }))
  })
}
test.after.always(() => rmSync(built, { recursive: true, force: true }))

/** The pages, as paths on the site. */
const pages = () =>
  readdirSync(built, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.html') && file !== '404.html')
    .map(file => `/${file}`)

const fileAt = (pathname: string) => join(built, pathname.endsWith('/') ? `${pathname}index.html` : pathname)

withSite('every link of the site leads to a page that is there, and to a heading that it has', t => {
  const html = new Map(pages().map(page => [page, readFileSync(fileAt(page), 'utf8')]))
  t.true(html.has('/index.html') && html.has('/design.html') && html.has('/source/index.d.ts.html'))
  for (const [page, text] of html) {
    const links = [...text.matchAll(/\b(?:href|src)="([^"]+)"/g)].map(match => match[1] as string)
    t.true(links.length > 0)
    for (const link of links) {
      const { origin, pathname, hash } = new URL(link, ORIGIN + page)
      if (origin !== ORIGIN) continue
      const file = fileAt(decodeURIComponent(pathname))
      t.true(existsSync(file), `${page}: ${link}`)
      if (hash)
        t.true(
          readFileSync(file, 'utf8').includes(`id="${decodeURIComponent(hash.slice(1))}"`),
          `${page}: ${link}`
        )
    }
  }
})

/** A page of a browser that finds the site and nothing else; what it asks others for, and what fails, is in `complaints`. */
async function openBrowser(t: ExecutionContext, width: number, colorScheme: 'light' | 'dark') {
  const { chromium } = await import(`${site}node_modules/playwright-core/index.mjs`)
  const launched = await chromium.launch({ executablePath: browser })
  t.teardown(() => launched.close())
  const page = await launched.newPage({ viewport: { width, height: 800 }, colorScheme })
  const complaints: string[] = []
  page.on('console', (message: any) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (err: Error) => complaints.push(err.message))
  await page.route('**/*', (route: any) => {
    const { origin, pathname } = new URL(route.request().url())
    if (origin === ORIGIN) return route.fulfill({ path: fileAt(decodeURIComponent(pathname)) })
    complaints.push(route.request().url())
    return route.abort()
  })
  return { page, complaints }
}

for (const [width, scheme] of [
  [1280, 'light'],
  [390, 'dark']
] as const) {
  withBrowser(
    `pages that are ${width} pixels wide are not wider than the window, and need no network`,
    async t => {
      t.timeout(300_000)
      const { page, complaints } = await openBrowser(t, width, scheme)
      for (const path of pages()) {
        await page.goto(ORIGIN + path, { waitUntil: 'networkidle' })
        const seen = await page.evaluate(`({
        overflow: document.documentElement.scrollWidth - innerWidth,
        dark: document.documentElement.classList.contains('dark'),
        broken: [...document.images].filter(image => !image.naturalWidth).map(image => image.src)
      })`)
        t.deepEqual(seen, { overflow: 0, dark: scheme === 'dark', broken: [] }, path)
      }
      t.deepEqual(complaints, [])
    }
  )
}

withBrowser('the search finds a word of a page, and leads there', async t => {
  t.timeout(120_000)
  const { page, complaints } = await openBrowser(t, 1280, 'light')
  await page.goto(ORIGIN)
  await page.locator('.VPNavBarSearch button').first().click()
  await page.locator('#localsearch-input').fill('inotify')
  await page.locator('.result', { hasText: 'Whose turn it is' }).click()
  await page.waitForURL(`${ORIGIN}/design.html#whose-turn-it-is`)
  t.deepEqual(complaints, [])
})

withBrowser('the life of a call is drawn, and nothing on the page is an error', async t => {
  t.timeout(120_000)
  const { page, complaints } = await openBrowser(t, 1280, 'dark')
  await page.goto(`${ORIGIN}/design.html`)
  await page.locator('.diagram svg', { hasText: 'the waiter thread' }).waitFor()
  t.deepEqual(complaints, [])
})
