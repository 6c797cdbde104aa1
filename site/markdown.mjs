/** What the site makes of Markdown beyond what VitePress does. */
import { link, root } from './pages.mjs'
import { relative } from 'node:path'

/** Links that are right in the repository become links of the site. */
export function followLinks(md) {
  md.core.ruler.push('links of the repository', ({ tokens, env }) => {
    // Of a page that has another name on the site, `path` is that one.
    const file = relative(root, env.realPath ?? env.path)
    for (const { children } of tokens) {
      for (const token of children ?? []) {
        if (token.type === 'link_open') token.attrSet('href', link(file, token.attrGet('href')))
      }
    }
  })
}

/** Each cell knows the head of its column: on a phone the cells of a row stand below each other. */
export function labelCells(md) {
  md.core.ruler.push('labels of cells', ({ tokens }) => {
    let heads = []
    let column = 0
    for (const [n, token] of tokens.entries()) {
      if (token.type === 'thead_open') heads = []
      else if (token.type === 'tr_open') column = 0
      else if (token.type === 'th_open') heads.push(tokens[n + 1].content.replaceAll('`', ''))
      else if (token.type === 'td_open') token.attrSet('data-head', heads[column++])
    }
  })
}

/** A block in the language of Mermaid is drawn. */
export function drawDiagrams(md) {
  const { fence } = md.renderer.rules
  md.renderer.rules.fence = (tokens, at, ...rest) => {
    const { info, content } = tokens[at]
    if (info.trim() !== 'mermaid') return fence(tokens, at, ...rest)
    return `<Diagram text="${md.utils.escapeHtml(content)}" />`
  }
}
