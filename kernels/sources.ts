/** What the native runtime is built from, as one number: a build says which sources it is of. */
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, 'cpu')

/** Set in front of the number inside a build, where it is found without loading it. */
export const MARK = 'aerie-sources:'

/** SHA-256 over the names and bytes of all sources, hexadecimal. */
export function sourcesHash(): string {
  const files = globSync(['CMakeLists.txt', 'src/**/*.{h,cc,map}'], { cwd: FOLDER })
  const hash = createHash('sha256')
  for (const file of files.map((name) => name.replaceAll('\\', '/')).sort()) {
    const bytes = readFileSync(join(FOLDER, file))
    hash.update(`${file}\n${bytes.length}\n`).update(bytes)
  }
  return hash.digest('hex')
}
