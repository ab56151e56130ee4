/** Features of pictures by content key: in memory, bounded in bytes, the least recently used go first; behind it the disk, if any. */
import { sharedMemoryPassed } from '../free-memory.ts'
import type { FeatureDisk } from './feature-disk.ts'
import type { Features, KnownFeatures } from './types.ts'

export class FeatureCache {
  readonly maxBytes: number
  readonly #disk: FeatureDisk | undefined
  readonly #entries = new Map<string, Features>()
  /** Under way from the disk, each once however many requests want it. */
  readonly #reading = new Map<string, Promise<KnownFeatures | undefined>>()
  #bytes = 0
  #evictions = 0

  constructor(maxBytes: number, disk?: FeatureDisk) {
    this.maxBytes = maxBytes
    this.#disk = disk
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.size
  }

  /** Since start. */
  get evictions(): number {
    return this.#evictions
  }

  /** From memory; counts as a use. */
  get(key: string): Features | undefined {
    const features = this.#entries.get(key)
    if (features) {
      this.#entries.delete(key)
      this.#entries.set(key, features)
    }
    return features
  }

  /** From memory or else from the disk, which it then leaves for memory. Never rejects. */
  async find(key: string): Promise<KnownFeatures | undefined> {
    const features = this.get(key)
    if (features) return { features, from: 'memory', readMs: 0 }
    if (!this.#disk) return undefined
    const known = this.#reading.get(key) ?? this.#read(this.#disk, key)
    this.#reading.set(key, known)
    return await known
  }

  /** Holds the features that were computed, unless they alone exceed the bound; and has them written to disk. */
  set(features: Features): void {
    this.#hold(features)
    this.#disk?.write(features)
  }

  async #read(disk: FeatureDisk, key: string): Promise<KnownFeatures | undefined> {
    const startedAt = performance.now()
    const features = await disk.read(key)
    this.#reading.delete(key)
    if (!features) return undefined
    this.#hold(features)
    return { features, from: 'disk', readMs: performance.now() - startedAt }
  }

  #hold(features: Features): void {
    sharedMemoryPassed(features.data.byteLength)
    this.#remove(features.key)
    if (features.data.byteLength > this.maxBytes) return
    this.#entries.set(features.key, features)
    this.#bytes += features.data.byteLength
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.maxBytes) break
      this.#remove(oldest)
      this.#evictions++
    }
  }

  #remove(key: string): void {
    const features = this.#entries.get(key)
    if (!features) return
    this.#entries.delete(key)
    this.#bytes -= features.data.byteLength
  }
}
