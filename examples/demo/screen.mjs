/**
 * The terminal: lines, a progress line that is redrawn in place, and colours where they are welcome. Into a pipe or a file
 * go plain lines, and progress only now and then.
 */
import { styleText } from 'node:util'
import { grouped, now } from './shared.mjs'

const EVERY_MS = 2000
const BAR = 24

const live = process.stdout.isTTY === true
const colours = live && !process.env.NO_COLOR

/** `format` as for util.styleText: 'green', 'dim' … */
export function paint(format, text) {
  return colours ? styleText(format, text) : text
}

/** A bar of `width` characters, `share` (0 to 1) of it full. */
export function bar(share, width = BAR) {
  const full = Math.round(Math.min(1, share) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}

export class Screen {
  #start = now()
  #lastProgress = now()

  /** Whole lines, above the progress line. */
  print(...lines) {
    if (live) process.stdout.write('\r\x1b[K')
    for (const line of lines) process.stdout.write(`${line}\n`)
  }

  heading(text) {
    this.print('', paint('bold', text))
  }

  /** What happened at an instant, in ms from the start. Further lines stand below the first. */
  event(at, first, ...more) {
    const stamp = `${grouped(at - this.#start).padStart(7)} ms  `
    this.print(paint('dim', stamp) + first, ...more.map(line => ' '.repeat(stamp.length) + line))
  }

  /** How far it has got; may be told as often as one likes. */
  progress(done, all, note) {
    const text = `${grouped(done)} of ${grouped(all)} records${note}`
    if (live) {
      // A line that wraps could not be redrawn.
      const line = ` ${bar(done / all)} ${text}`.slice(0, (process.stdout.columns || 80) - 1)
      process.stdout.write(`\r${line}\x1b[K`)
    } else if (now() - this.#lastProgress >= EVERY_MS) {
      this.#lastProgress = now()
      this.event(now(), text)
    }
  }
}
