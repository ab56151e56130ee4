/** Features of pictures by content key, bounded in bytes; the least recently used go first. */
import type { Features } from './types.ts'

export class FeatureCache {
  readonly maxBytes: number
  readonly #entries = new Map<string, Features>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.size
  }

  /** Counts as a use. */
  get(key: string): Features | undefined {
    const features = this.#entries.get(key)
    if (features) {
      this.#entries.delete(key)
      this.#entries.set(key, features)
    }
    return features
  }

  /** Holds the features, unless they alone exceed the bound. */
  set(features: Features): void {
    this.#remove(features.key)
    if (features.data.byteLength > this.maxBytes) return
    this.#entries.set(features.key, features)
    this.#bytes += features.data.byteLength
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.maxBytes) break
      this.#remove(oldest)
    }
  }

  #remove(key: string): void {
    const features = this.#entries.get(key)
    if (!features) return
    this.#entries.delete(key)
    this.#bytes -= features.data.byteLength
  }
}
