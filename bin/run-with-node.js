/** Runs a script with a Node that is new enough: this one, or the packaged one in a child process. */
import { spawn } from 'node:child_process'
import { memoryArguments, memoryEnvironment } from './memory-settings.js'
import { isNewEnough, NEEDED, packagedNode } from './node-version.js'

/** What the dynamic linker ends a program with that lacks a shared library. */
const LOADER_FAILED = 127

const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']

/**
 * Calls `here` when this Node is new enough. Otherwise starts the packaged Node with `args` on the same
 * stdio, passes signals on, and ends as it ends: same exit code, or same signal.
 */
export async function runWithNode(args, here) {
  if (isNewEnough(process.versions.node)) return here()
  const node = packagedNode()
  if (node === undefined) {
    console.error(
      `aerie needs Node ${NEEDED.join('.')} or newer and this is ${process.versions.node}: install one, ` +
        'or run `npm ci` with optional dependencies on Linux x64, which brings its own',
    )
    process.exitCode = 1
    return
  }
  // The channel closes with this process however it ends, and that is how the child learns of it.
  const watcher = new URL('end-with-parent.js', import.meta.url).href
  const child = spawn(
    node,
    [...memoryArguments([], process.env.NODE_OPTIONS), '--import', watcher, ...args],
    {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: memoryEnvironment(process.env),
    },
  )
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal))
  // A terminal sends Ctrl-C to both processes; passing it on as well would say it twice.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  child.on('error', (error) => {
    console.error(`aerie: cannot start ${node}: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (code === LOADER_FAILED) {
      console.error(
        'aerie: the Node that came with npm could not be loaded, as said above; where libatomic.so.1 is ' +
          'missing, install it (Debian, Ubuntu: apt-get install libatomic1) or a Node ' +
          `${NEEDED.join('.')} or newer`,
      )
    }
    if (signal === null) {
      process.exitCode = code
    } else {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
  })
}
