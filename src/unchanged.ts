/** What was found out about files once, for as long as they are the same. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Changes whenever a file does, or one takes its place: whatever was written to it has moved the time of its inode, which no
 * program can set. Of a folder, over all files below it.
 */
export async function signatureOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs, ...found } = await stat(path, { bigint: true })
  if (!found.isDirectory()) return [dev, ino, size, mtimeNs, ctimeNs].join(':')
  const names = (await readdir(path)).toSorted()
  const each = names.map(async (name) => `${name}=${await signatureOf(join(path, name))}`)
  return (await Promise.all(each)).join('\n')
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
