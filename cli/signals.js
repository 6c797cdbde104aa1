/** Passing the signals that we are sent on to a child, so that to stop us is to stop it. */
'use strict'

const { statFields } = require('./proc')

const PASSED_ON = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT']
/** What a terminal sends, for a key or a new size, to each process in its foreground. */
const OF_TERMINAL = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH'])

/**
 * From now until `stop()`, nothing of PASSED_ON ends us. `to()` has to be called in the same turn of the event loop, after
 * which what has come is delivered.
 */
function passSignalsOn() {
  let child
  const passOn = signal => {
    // The child has had this one from the terminal already, and for many a program the second Ctrl-C means: at once.
    if (OF_TERMINAL.has(signal) && isInForeground()) return
    child.kill(signal)
  }
  for (const signal of PASSED_ON) process.on(signal, passOn)
  return {
    to: started => (child = started),
    stop: () => PASSED_ON.forEach(signal => process.off(signal, passOn))
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

module.exports = { passSignalsOn }
