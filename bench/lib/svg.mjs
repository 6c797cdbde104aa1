/** Draws a chart: what Vega-Lite makes of its specification, between a heading and the words that say where it is from. */
import { View, parse, textMetrics } from 'vega'
import { DARK, FONT, INK } from './palette.mjs'
import { compile } from 'vega-lite'

/** Narrow enough for a phone to show it at almost its own size. */
const WIDTH = 380
const MARGIN = 14
/** The width of a letter of a common sans-serif font, in its own size. */
const LETTER = 0.55

// Without a canvas, Vega takes letters for 0.8 as wide as high, and a legend needs half as much room again as it has.
textMetrics.width = (item, text) => String(text).length * LETTER * item.fontSize

const axis = {
  labelFontSize: 12,
  titleFontSize: 12,
  titleFontWeight: 'normal',
  labelColor: INK.text,
  titleColor: INK.faint,
  gridColor: INK.grid,
  domainColor: INK.grid,
  ticks: false,
  labelPadding: 6
}

const config = {
  font: FONT,
  background: null,
  view: { stroke: null },
  axis,
  legend: {
    labelFontSize: 12,
    labelColor: INK.text,
    labelLimit: WIDTH,
    symbolSize: 70,
    symbolStrokeWidth: 2.5
  },
  text: { fontSize: 12, color: INK.text }
}

/** The plot as an SVG, as wide as is left between the margins. */
function plot(spec) {
  const frame = { padding: 0, autosize: { type: 'fit-x', contains: 'padding' }, width: WIDTH - 2 * MARGIN }
  const view = new View(parse(compile({ ...frame, ...spec, config }).spec), { renderer: 'none' })
  return view.toSVG()
}

/** Texts are drawn on a background of their own: the page may be dark where the browser takes it for light. */
const style = `text { font-family: ${FONT} }
@media (prefers-color-scheme: dark) {
${Object.entries(DARK)
  .flatMap(([light, dark]) => ['fill', 'stroke'].map(what => `  [${what}="${light}"] { ${what}: ${dark} }`))
  .join('\n')}
}`

/** Breaks a text into lines that fit. */
function wrap(text, size) {
  const most = Math.floor((WIDTH - 2 * MARGIN) / (size * LETTER))
  const lines = ['']
  for (const word of text.split(' ')) {
    if (`${lines.at(-1)} ${word}`.length > most) lines.push('')
    lines.push(`${lines.pop()} ${word}`.trim())
  }
  return lines
}

const escape = text => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** Lines of text, one below the other; the next thing begins at `bottom`. */
function paragraph(text, top, { size, color = INK.faint, weight = 'normal' }) {
  const lines = wrap(text, size).map((line, n) => {
    const place = `x="${MARGIN}" y="${(top + (n + 1) * size * 1.35).toFixed(1)}"`
    return `<text ${place} font-size="${size}" font-weight="${weight}" fill="${color}">${escape(line)}</text>`
  })
  return { svg: lines.join('\n'), bottom: top + lines.length * size * 1.35 }
}

async function picture(spec, top) {
  const svg = await plot(spec)
  const [, height] = /height="([\d.]+)"/.exec(svg)
  // Letters that are larger than Vega takes them for may stand out into the margin.
  const place = `x="${MARGIN}" y="${top.toFixed(1)}" overflow="visible"`
  return { svg: svg.replace('<svg ', `<svg ${place} `), bottom: top + Number(height) + 4 }
}

/** `plots` has one or more `{ what, spec }`, `source` says in lines where the figures are from. */
export async function draw({ title, plots, source }) {
  const parts = [paragraph(title, MARGIN / 2, { size: 16, color: INK.text, weight: 'bold' })]
  const bottom = () => parts.at(-1).bottom
  for (const { what, spec } of plots) {
    parts.push(paragraph(what, bottom(), { size: 12.5 }))
    parts.push(await picture(spec, bottom() + MARGIN))
  }
  for (const line of source) parts.push(paragraph(line, bottom(), { size: 11 }))
  const height = Math.ceil(bottom() + MARGIN)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<title>${escape(title)}</title>
<style>
${style}
</style>
<rect width="100%" height="100%" rx="8" fill="${INK.paper}"/>
${parts.map(({ svg }) => svg).join('\n')}
</svg>
`
}
