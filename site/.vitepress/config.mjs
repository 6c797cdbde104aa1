/** The site is made of the README and the docs as they stand, and loads nothing from elsewhere. */
import { drawDiagrams, followLinks, labelCells } from '../markdown.mjs'
import { root, route, sidebar } from '../pages.mjs'
import { fileURLToPath } from 'node:url'
import { slug } from 'github-slugger'

const here = path => fileURLToPath(new URL(path, import.meta.url))

/** The pages lie outside of this package, where Vue is not found; what renders them lies in it. */
const vueOfThisPackage = {
  name: 'vue-of-this-package',
  enforce: 'pre',
  resolveId: (id, _, { ssr }) => (ssr && /^vue(\/|$)/.test(id) ? { id, external: true } : null)
}

export default {
  title: 'sqlock',
  description: 'Several Node processes, one SQLite database: every write under a true OS lock',
  lang: 'en',
  srcDir: root,
  srcExclude: ['target/**'],
  outDir: here('../dist'),
  rewrites: route,
  head: [['link', { rel: 'icon', href: '/logo.svg', type: 'image/svg+xml' }]],
  markdown: {
    // As on GitHub, so that a link to a heading is right there and here.
    anchor: { slugify: slug },
    // `{string}` is a type, and no attribute of what stands before it.
    attrs: { disable: true },
    languageAlias: { mjs: 'js' },
    config: md => md.use(followLinks).use(labelCells).use(drawDiagrams)
  },
  themeConfig: { logo: '/logo.svg', sidebar, outline: [2, 3], search: { provider: 'local' } },
  vite: { publicDir: here('../public'), plugins: [vueOfThisPackage] }
}
