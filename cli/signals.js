/** Passing the signals that we are sent on to a child, so that to stop us is to stop it. */
'use strict'

const { readFileSync } = require('node:fs')
const { constants } = require('node:os')
const { statFields } = require('./proc')

/**
 * The signals that would end us alone. SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP are not among them: they tell of a fault of our
 * own, and a handler would return into that fault for ever. Node ignores SIGPIPE and SIGXFSZ.
 */
const ENDING = [
  'SIGABRT',
  'SIGALRM',
  'SIGHUP',
  'SIGINT',
  'SIGIO',
  'SIGPWR',
  'SIGQUIT',
  'SIGSTKFLT',
  'SIGSYS',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGVTALRM',
  'SIGXCPU'
].filter(name => name in constants.signals)
/** What a terminal sends, for a key or a new size, to each process in its foreground. */
const OF_TERMINAL = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH'])

const endingSignals = () => (isProfiled() ? ENDING : [...ENDING, 'SIGPROF'])

/**
 * From now until `stop()`, no signal ends us that can be handled. `to()` has to be called in the same turn of the event loop, after
 * which what has come is delivered.
 */
function passSignalsOn() {
  let child
  const passedOn = [...endingSignals(), 'SIGWINCH', 'SIGCONT']
  const passOn = signal => {
    // The child has had this one from the terminal already, and for many a program the second Ctrl-C means: at once.
    if (OF_TERMINAL.has(signal) && isInForeground()) return
    child.kill(signal)
  }
  for (const signal of passedOn) process.on(signal, passOn)
  return {
    to: started => (child = started),
    stop: () => passedOn.forEach(signal => process.off(signal, passOn))
  }
}

/** Is our process group the one in the foreground of our terminal? Without /proc (macOS) it is taken for another one. */
function isInForeground() {
  try {
    const [, , group, , , foreground] = statFields('self')
    return group === foreground
  } catch {
    return false
  }
}

/** Does V8 profile us? It takes its samples by SIGPROF, which would end the child. Without /proc (macOS) the answer is yes. */
function isProfiled() {
  try {
    const [, handled] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))
    return ((BigInt(`0x${handled}`) >> BigInt(constants.signals.SIGPROF - 1)) & 1n) === 1n
  } catch {
    return true
  }
}

module.exports = { endingSignals, passSignalsOn }
