/** The colours of the charts, each by day and by night. */

export const FONT = 'system-ui, sans-serif'

const ink = {
  paper: ['#fbfcfd', '#15191e'],
  text: ['#1f2933', '#e4e9ee'],
  faint: ['#52606d', '#a3afba'],
  grid: ['#dde2e8', '#343c45']
}

const OWN = ['#0d7f72', '#37d3bd']
const ORANGE = ['#c4500f', '#ff9f5c']
const PURPLE = ['#6f42c1', '#b69bf5']
const BLUE = ['#1d6fb8', '#67b7ff']
const OCHRE = ['#8a6d00', '#dfc04a']
const RED = ['#b3264a', '#ff8aa5']

const contestants = {
  sqlock: OWN,
  'better-sqlite3': ORANGE,
  'node:sqlite': PURPLE,
  sqlite3: BLUE,
  libsql: OCHRE,
  Turso: RED,
  'fs-ext polling': ORANGE,
  'fs-ext blocking': PURPLE,
  'proper-lockfile pattern': BLUE
}

const day = colors => Object.fromEntries(Object.entries(colors).map(([name, [light]]) => [name, light]))

export const INK = day(ink)
export const CONTESTANTS = day(contestants)
/** By night, in place of each colour by day. */
export const DARK = Object.fromEntries([...Object.values(ink), ...Object.values(contestants)])
