/**
 * The folder of the feature cache on disk: bounded in bytes, the least recently used entries go first. Several processes
 * may share it: an entry appears whole, by a rename, and the time of its last use is the file's. Every call blocks, so it
 * belongs into a thread of its own.
 */
import { hash, randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'
import {
  BadFeatureFile,
  featureFileBytes,
  isForeign,
  readFeatureFile,
  writeFeatureFile,
} from './feature-file.ts'
import type { FeatureDiskStats, Features } from './types.ts'

export interface FeatureFolderOptions {
  /** Made, for this user alone, if it is not there. */
  readonly folder: string
  readonly maxBytes: number
  /** Hears of what went wrong; the cache goes on without. */
  readonly onTrouble: (what: string, error: unknown) => void
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

export type FeatureFolderStats = Omit<
  FeatureDiskStats,
  'maxBytes' | 'waitingBytes' | 'maxWaitingBytes'
>

interface Entry {
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly usedAt: number
}

const ENTRY_NAME = /^[0-9a-f]{64}\.features$/
const UNFINISHED_NAME = /\.features\.[0-9a-f]+\.tmp$/
/** No write takes that long: whoever began it is gone. */
const UNFINISHED_FOR_MS = 10 * 60_000
/** After a write that failed the disk is left alone for so long. */
const PAUSE_MS = 60_000
/** Part of the bound that this process writes before it looks again at what others wrote. */
const LOOK_AGAIN_AFTER = 1 / 20
/** Files looked at in one go. */
const SLICE = 256

export class FeatureFolder {
  readonly #folder: string
  readonly #maxBytes: number
  readonly #onTrouble: FeatureFolderOptions['onTrouble']
  readonly #now: () => number
  /** What lies in the folder as far as this process knows, by file name, least recently used first. */
  #entries = new Map<string, Entry>()
  /** What the look around that is under way has found so far. */
  #found: Map<string, Entry> | undefined
  #look: Iterator<void> | undefined
  #bytes = 0
  #writtenSinceLook = Number.POSITIVE_INFINITY
  #pausedUntil = 0
  readonly #counts = {
    hits: 0,
    misses: 0,
    writes: 0,
    evictions: 0,
    rejected: 0,
    failures: 0,
    skipped: 0,
  }

  /** Throws `invalid_config` for a folder that cannot be had, or that others can look into. */
  constructor({ folder, maxBytes, onTrouble, now = Date.now }: FeatureFolderOptions) {
    this.#folder = folder
    this.#maxBytes = maxBytes
    this.#onTrouble = onTrouble
    this.#now = now
    makePrivate(folder)
  }

  get stats(): FeatureFolderStats {
    return { ...this.#counts, entries: this.#entries.size, bytes: this.#bytes }
  }

  /** The features of a key, in shared memory. What is no whole entry of that key is dropped. Never throws. */
  read(key: string): Features | undefined {
    const name = nameOf(key)
    try {
      const features = readFeatureFile(this.#path(name), key)
      this.#counts.hits++
      this.#use(name, featureFileBytes(features))
      return features
    } catch (error) {
      this.#counts.misses++
      if (isCode(error, 'ENOENT')) {
        this.#forget(name)
      } else if (error instanceof BadFeatureFile || isCode(error, 'ELOOP')) {
        this.#counts.rejected++
        this.#onTrouble('an entry was dropped', error)
        this.#remove(name)
      } else {
        this.#fail('an entry could not be read', error)
      }
      return undefined
    }
  }

  /** Stores features unless they are there already, after making room for them. Never throws. */
  write(features: Features): void {
    const name = nameOf(features.key)
    const bytes = featureFileBytes(features)
    if (bytes > this.#maxBytes || this.#now() < this.#pausedUntil) {
      this.#counts.skipped++
      return
    }
    const path = this.#path(name)
    const unfinished = `${path}.${randomBytes(8).toString('hex')}.tmp`
    try {
      if (isThere(path)) {
        this.#use(name, bytes)
        return
      }
      this.#makeRoom(bytes)
      writeFeatureFile(unfinished, features)
      renameSync(unfinished, path)
    } catch (error) {
      this.#pausedUntil = this.#now() + PAUSE_MS
      this.#fail('features could not be written', error)
      this.#discard(unfinished)
      return
    }
    this.#counts.writes++
    this.#writtenSinceLook += bytes
    this.#note(name, bytes)
  }

  /**
   * Looks around in the folder for what other processes wrote, used and left unfinished, and keeps the bound: the next
   * slice of that, if it is time to. Whether there is more of it to do. Never throws.
   */
  tend(): boolean {
    if (!this.#look) {
      if (this.#writtenSinceLook <= this.#maxBytes * LOOK_AGAIN_AFTER) return false
      this.#look = this.#lookAround()
    }
    try {
      if (this.#look.next().done) this.#look = undefined
    } catch (error) {
      this.#look = undefined
      this.#found = undefined
      this.#fail('the folder could not be read', error)
    }
    return this.#look !== undefined
  }

  *#lookAround(): Generator<void> {
    this.#writtenSinceLook = 0
    const found = new Map<string, Entry>()
    this.#found = found
    for (const [i, name] of readdirSync(this.#folder).entries()) {
      if (i % SLICE === SLICE - 1) yield
      const isEntry = ENTRY_NAME.test(name)
      if (!isEntry && !UNFINISHED_NAME.test(name)) continue
      const stat = lstatSync(this.#path(name), { throwIfNoEntry: false })
      if (!stat) continue
      if (isEntry) found.set(name, { bytes: stat.size, usedAt: stat.mtimeMs })
      else if (this.#now() - stat.mtimeMs > UNFINISHED_FOR_MS) this.#discard(this.#path(name))
    }
    this.#entries = new Map([...found].sort(([, a], [, b]) => a.usedAt - b.usedAt))
    this.#found = undefined
    this.#bytes = [...found.values()].reduce((sum, { bytes }) => sum + bytes, 0)
    yield
    this.#makeRoom(0)
  }

  /** Drops the least recently used entries until so many more bytes fit. */
  #makeRoom(bytes: number): void {
    for (const name of this.#entries.keys()) {
      if (this.#bytes + bytes <= this.#maxBytes) break
      this.#remove(name)
      this.#counts.evictions++
    }
  }

  #use(name: string, bytes: number): void {
    const seconds = this.#now() / 1000
    try {
      utimesSync(this.#path(name), seconds, seconds)
    } catch (error) {
      // Another process may have dropped it; and where nothing can be written, no order has to be kept.
      if (!isCode(error, 'ENOENT', 'EROFS', 'EPERM', 'EACCES')) {
        this.#fail('an entry could not be marked as used', error)
      }
    }
    this.#note(name, bytes)
  }

  #note(name: string, bytes: number): void {
    this.#forget(name)
    const entry = { bytes, usedAt: this.#now() }
    this.#entries.set(name, entry)
    this.#found?.set(name, entry)
    this.#bytes += bytes
  }

  #forget(name: string): void {
    this.#bytes -= this.#entries.get(name)?.bytes ?? 0
    this.#entries.delete(name)
    this.#found?.delete(name)
  }

  #remove(name: string): void {
    this.#forget(name)
    this.#discard(this.#path(name))
  }

  #discard(path: string): void {
    try {
      rmSync(path, { force: true })
    } catch (error) {
      this.#fail('a file could not be removed', error)
    }
  }

  #fail(what: string, error: unknown): void {
    this.#counts.failures++
    this.#onTrouble(what, error)
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }
}

/** A key may be any string, and says what it stands for to those who know how it was made: names of files do not. */
function nameOf(key: string): string {
  return `${hash('sha256', key)}.features`
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function makePrivate(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new AerieError('invalid_config', `${folder}: ${(cause as Error).message}`, { cause })
  }
  const { uid, mode } = lstatSync(folder)
  if (isForeign(uid)) {
    throw new AerieError(
      'invalid_config',
      `${folder}: expected a folder of this user, got one of user ${uid}`,
    )
  }
  const rights = mode & 0o777
  if (process.geteuid !== undefined && (rights & 0o077) !== 0) {
    throw new AerieError(
      'invalid_config',
      `${folder}: expected a folder that its owner alone may look into (mode 700), got mode ${rights.toString(8)}`,
    )
  }
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '')
}
