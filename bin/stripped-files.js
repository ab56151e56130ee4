/** Where TypeScript sources are kept without their types, and which of them are still those of their source. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** What the server is made of. */
const FOLDERS = ['src', 'models']
export const STRIPPED = join(ROOT, '.cache', 'types')

/** Every source that the server may load. */
export function typedSources() {
  const folders = FOLDERS.map((folder) => join(ROOT, folder))
  return folders.flatMap((cwd) =>
    globSync('**/*.ts', { cwd })
      .filter((file) => !file.endsWith('.d.ts'))
      .map((file) => join(cwd, file)),
  )
}

/** Where a source is kept without its types; undefined for what is not the server's. */
export function strippedFile(source) {
  const path = relative(ROOT, source)
  const isOurs = source.endsWith('.ts') && FOLDERS.includes(path.split(sep, 1)[0])
  return isOurs ? join(STRIPPED, `${path}.js`) : undefined
}

/** The last line of a stripped source: another text, or another Node, has another one. */
export function seal(source) {
  const hash = createHash('sha256').update(process.version).update(source).digest('base64url')
  return `\n// ${hash}\n`
}

/** The source in `file` without its types; undefined where that is not kept, or is of an older source. */
export function readStripped(file) {
  const kept = strippedFile(file)
  if (kept === undefined) return undefined
  try {
    const text = readFileSync(kept, 'utf8')
    return text.endsWith(seal(readFileSync(file, 'utf8'))) ? text : undefined
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Strips what changed since it was last done: in a process of its own, whose memory is gone with it. */
export function keepStrippedTypes() {
  if (isStripped()) return
  const program = fileURLToPath(new URL('strip-types.js', import.meta.url))
  spawnSync(process.execPath, ['--no-warnings', program], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** Whether there is a newer file for each source. The hash tells for sure, when the source is read. */
function isStripped() {
  return typedSources().every((source) => {
    const kept = statSync(strippedFile(source), { throwIfNoEntry: false })
    return kept !== undefined && kept.mtimeMs > statSync(source).mtimeMs
  })
}
