/** What was found out about files once, for as long as they are the same. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Changes whenever a file does, or one takes its place: whatever was written to it has moved the time of its inode, which no
 * program can set. Of a folder, over all files below it, without following links to other folders.
 */
export async function signatureOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  // A dangling link; whoever reads it says so.
  if (!found) return 'nothing'
  const { dev, ino, size, mtimeNs, ctimeNs } = found
  const own = [dev, ino, size, mtimeNs, ctimeNs].join(':')
  if (!found.isDirectory()) return own
  const below = await readdir(path, { withFileTypes: true })
  const each = below.map(async (entry) => {
    const inner = join(path, entry.name)
    return `${entry.name} ${await (entry.isSymbolicLink() ? linkSignature(inner) : signatureOf(inner))}`
  })
  return (await Promise.all(each)).toSorted().join('\n')
}

/** A link to a folder may lead back. */
async function linkSignature(path: string): Promise<string> {
  const target = await stat(path).catch(() => undefined)
  return target?.isDirectory() ? `folder ${target.ino}` : await signatureOf(path)
}

/** Keeps the newest `most` results. */
export class Unchanged<T> {
  readonly #most: number
  readonly #known = new Map<string, { readonly signature: string; readonly result: T }>()

  constructor(most: number) {
    this.#most = most
  }

  /** The result of `findOut` for this key, unless it is known for the very signature. What fails is not kept. */
  async get(key: string, signature: string, findOut: () => Promise<T>): Promise<T> {
    const known = this.#known.get(key)
    if (known?.signature === signature) return known.result
    const result = await findOut()
    this.#known.delete(key)
    this.#known.set(key, { signature, result })
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#most) break
      this.#known.delete(oldest)
    }
    return result
  }
}
