/**
 * Copies of objects in a folder of this machine, for the programs that decode them: fetched once, checked, kept within a
 * bound, the least recently used ones first to go. Servers of one machine may share the folder: the time of a file says
 * when any of them used it last.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Logger } from '../engine/logger.ts'
import { AerieError } from '../errors.ts'
import { writeAll } from '../write-all.ts'
import { type Blob, type CacheStats, isBlobKey } from './blob-store.ts'
import { FetchGate } from './fetch-gate.ts'
import { storageError } from './storage-error.ts'

export interface ObjectCacheOptions {
  /** Made, for this user alone, when the first copy comes. */
  readonly folder: string
  readonly maxBytes: number
  /** Milliseconds for which a copy stays after it was asked for: as long as a request may take. */
  readonly holdMs: number
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** Milliseconds without a use after which a copy goes, so that what was deleted elsewhere does not stay here. */
  readonly idleMs?: number
  readonly lookEveryMs?: number
}

interface Entry {
  readonly bytes: number
  usedAt: number
  /** Its bytes were compared with their SHA-256 by this process: a crash may leave a file that was never written out. */
  isChecked: boolean
}

type Fetch = (signal: AbortSignal) => Promise<Readable>

const PART = '.part'
const IDLE_MS = 60 * 60_000
const LOOK_EVERY_MS = 10 * 60_000

export class ObjectCache {
  readonly #options: ObjectCacheOptions
  readonly #now: () => number
  readonly #gate = new FetchGate()
  readonly #entries = new Map<string, Entry>()
  readonly #looker: NodeJS.Timeout
  #opening: Promise<void> | undefined
  #looking: Promise<void> = Promise.resolve()
  /** Of the entries, and of what is being fetched. */
  #bytes = 0
  #hits = 0
  #misses = 0
  #evictions = 0

  constructor(options: ObjectCacheOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    const every = options.lookEveryMs ?? LOOK_EVERY_MS
    this.#looker = setInterval(() => this.#lookAgain(), every).unref()
  }

  /**
   * Where the blob lies here, for `holdMs` at least. Rejects with `queue_full` when everything here is in use or too much
   * is being fetched, `cancelled`, `storage_failure`, or what `fetch` rejects with.
   */
  async path(blob: Blob, fetch: Fetch, signal?: AbortSignal): Promise<string> {
    this.#opening ??= this.#open()
    try {
      await this.#opening
    } catch (error) {
      this.#opening = undefined
      throw cacheError(error)
    }
    const work = (abort: AbortSignal) => this.#provide(blob, fetch, abort)
    return await this.#gate.run(blob.key, work, signal)
  }

  /** Removes a copy: the blob is deleted. */
  async forget(key: string): Promise<void> {
    const entry = this.#entries.get(key)
    if (entry) await this.#drop(key, entry)
  }

  stats(): CacheStats {
    return {
      ...{ entries: this.#entries.size, bytes: this.#bytes, maxBytes: this.#options.maxBytes },
      ...{ waiting: this.#gate.waiting, maxWaiting: this.#gate.maxWaiting },
      ...{ hits: this.#hits, misses: this.#misses, evictions: this.#evictions },
    }
  }

  async dispose(): Promise<void> {
    clearInterval(this.#looker)
    await this.#gate.dispose()
    await this.#looking
  }

  async #provide(blob: Blob, fetch: Fetch, signal: AbortSignal): Promise<string> {
    const path = this.#path(blob.key)
    try {
      if (await this.#has(blob, signal)) {
        this.#hits++
      } else {
        this.#misses++
        await this.#fetch(blob, fetch, signal)
      }
      this.#entries.get(blob.key)!.usedAt = this.#now()
      await utimes(path, new Date(this.#now()), new Date(this.#now()))
      return path
    } catch (error) {
      throw cacheError(error)
    }
  }

  async #has({ key, bytes, sha256 }: Blob, signal: AbortSignal): Promise<boolean> {
    const info = await stat(this.#path(key)).catch(() => undefined)
    const known = this.#entries.get(key)
    if (info?.size !== bytes) {
      if (known) await this.#drop(key, known)
      return false
    }
    if (known?.isChecked) return true
    const hash = createHash('sha256')
    for await (const piece of createReadStream(this.#path(key), { signal })) hash.update(piece)
    const entry = known ?? this.#adopt(key, bytes, info.mtimeMs)
    entry.isChecked = hash.digest('hex') === sha256
    if (!entry.isChecked) await this.#drop(key, entry)
    return entry.isChecked
  }

  async #fetch({ key, bytes, sha256 }: Blob, fetch: Fetch, signal: AbortSignal): Promise<void> {
    await this.#makeRoom(bytes)
    const part = `${this.#path(key)}.${randomBytes(4).toString('hex')}${PART}`
    this.#bytes += bytes
    try {
      const hash = createHash('sha256')
      // Whoever waited may have left while room was made: then nothing is begun that could not be told to end any more.
      signal.throwIfAborted()
      const source = await fetch(signal)
      await using file = await open(part, 'wx', 0o600)
      for await (const piece of source) {
        hash.update(piece)
        await writeAll(file, piece)
      }
      if (hash.digest('hex') !== sha256) {
        const what = 'the bytes of a file in the bucket are not those that were uploaded'
        throw new AerieError('storage_failure', `files: ${what}`)
      }
      await rename(part, this.#path(key))
    } catch (error) {
      // What cannot be removed now is looked at again later.
      await rm(part, { force: true }).catch(() => {})
      throw error
    } finally {
      this.#bytes -= bytes
    }
    this.#adopt(key, bytes, this.#now()).isChecked = true
  }

  /** Removes what was used longest ago until `bytes` more fit. Rejects where that would take what is in use. */
  async #makeRoom(bytes: number): Promise<void> {
    const { maxBytes, holdMs } = this.#options
    if (bytes > maxBytes) {
      const what = `a file has ${bytes} bytes, and copies of files may have ${maxBytes} (objectCacheBytes)`
      throw new AerieError('storage_failure', `files: ${what}`)
    }
    if (this.#bytes + bytes <= maxBytes) return
    const oldest = [...this.#entries].sort(([, a], [, b]) => a.usedAt - b.usedAt)
    for (const [key, entry] of oldest) {
      if (this.#bytes + bytes <= maxBytes) return
      // Another server may use it.
      const info = await stat(this.#path(key)).catch(() => undefined)
      entry.usedAt = Math.max(entry.usedAt, info?.mtimeMs ?? 0)
      if (entry.usedAt > this.#now() - holdMs) continue
      await this.#drop(key, entry)
      this.#evictions++
    }
    if (this.#bytes + bytes <= maxBytes) return
    const what = `files in use here take all of ${maxBytes} bytes (objectCacheBytes); try again later`
    throw new AerieError('queue_full', `files: ${what}`, { retryAfterSeconds: 5 })
  }

  async #drop(key: string, entry: Entry): Promise<void> {
    // Forgotten at once, so that nobody else drops it too.
    if (this.#entries.get(key) !== entry) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
    await rm(this.#path(key), { force: true })
  }

  #adopt(key: string, bytes: number, usedAt: number): Entry {
    const before = this.#entries.get(key)
    if (before) this.#bytes -= before.bytes
    const entry = { bytes, usedAt, isChecked: false }
    this.#entries.set(key, entry)
    this.#bytes += bytes
    return entry
  }

  async #open(): Promise<void> {
    const { folder } = this.#options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const rights = (await lstat(folder)).mode & 0o777
    if (process.geteuid !== undefined && (rights & 0o077) !== 0) {
      const what = `expected a folder that its owner alone may look into (mode 700), got mode ${rights.toString(8)}`
      throw new AerieError('storage_failure', `files: copies of objects: ${what}`)
    }
    await this.#look()
  }

  #lookAgain(): void {
    if (!this.#opening) return
    this.#looking = this.#looking
      .then(() => this.#look())
      .catch((err: unknown) => {
        const { folder, logger } = this.#options
        logger.warn({ err, folder }, 'files: the copies of objects could not be looked at')
      })
  }

  /** Takes stock of what other servers and earlier starts have left, and removes what nobody has used for long. */
  async #look(): Promise<void> {
    const { folder, idleMs = IDLE_MS } = this.#options
    const before = this.#now() - idleMs
    for (const name of await readdir(folder)) {
      const info = await stat(join(folder, name)).catch(() => undefined)
      if (!info) continue
      const isOld = info.mtimeMs < before
      const key = isBlobKey(name) ? name : undefined
      const entry = key === undefined ? undefined : this.#entries.get(key)
      if (isOld && (key !== undefined || name.endsWith(PART)) && (entry?.usedAt ?? 0) < before) {
        if (key !== undefined && entry) await this.#drop(key, entry)
        else await rm(join(folder, name), { force: true })
      } else if (key !== undefined && !entry) {
        this.#adopt(key, info.size, info.mtimeMs)
      }
    }
  }

  #path(key: string): string {
    return join(this.#options.folder, key)
  }
}

/** Failures of this disk, told apart from those of the store: deleting files would not help. */
function cacheError(error: unknown): unknown {
  const translated = storageError(error)
  if (translated === error || !(translated instanceof AerieError)) return error
  const what = translated.message.replace('; delete files', '')
  const message = what.replace('files: ', 'files: copies of objects (dataDir): ')
  return new AerieError('storage_failure', message, { cause: error })
}
