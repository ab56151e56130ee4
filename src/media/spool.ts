/** The folder in which clips, or sounds, lie while they are worked on: this server's own, and gone when the server is. */
import { createHash, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'
import { isProcessAlive } from '../process-alive.ts'
import { writeAll } from '../write-all.ts'

/** What lies there, and whose place it is, for names and messages. */
export interface SpoolWords {
  readonly kind: 'clips' | 'sounds'
  /** Reads well after "the disk of". */
  readonly place: string
}

/** Behind `aerie-<kind>-`: host, process, life of it, random; a host is told by a hash, as its name may have any characters. */
const NAME = /^([0-9a-f]{8})-(\d+)-([0-9a-f]{8})-\w+$/
/** Processes of containers have the same number in every life. */
const LIFE = randomBytes(4).toString('hex')
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)

export interface WrittenFile {
  readonly byteLength: number
  /** Hex. */
  readonly sha256: string
}

export class Spool {
  readonly #parent: string
  readonly #words: SpoolWords
  #folder: Promise<string> | undefined
  readonly #made = new Set<string>()
  readonly #removing = new Set<Promise<void>>()

  /** Nothing is made before it is needed. */
  constructor(parent: string, words: SpoolWords) {
    this.#parent = parent
    this.#words = words
  }

  /** A path of the folder that nothing lies under. Rejects with `storage_failure` where there can be no folder. */
  async path(): Promise<string> {
    const known = this.#folder
    // Whoever cleans up temporary files may take a folder away that nobody has written to for days.
    const isThere = known && (await isOurFolder(await known.catch(() => '')))
    if (!isThere && this.#folder === known) this.#folder = undefined
    this.#folder ??= this.#make()
    const folder = await this.#folder.catch((cause: Error) => {
      // Tried again by the next file.
      this.#folder = undefined
      throw storageError(cause, this.#words)
    })
    return join(folder, randomBytes(12).toString('hex'))
  }

  /** Writes pieces to a new file as they come, each taken before the next one is asked for. */
  async write(
    path: string,
    pour: (take: (piece: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<WrittenFile> {
    const hash = createHash('sha256')
    let byteLength = 0
    const fail = (cause: Error) => {
      throw storageError(cause, this.#words)
    }
    await using file = await open(path, 'wx', 0o600).catch(fail)
    await pour(async (piece) => {
      // On this thread, as for uploaded files: 64 KiB take a small part of a millisecond.
      hash.update(piece)
      byteLength += piece.byteLength
      await writeAll(file, piece).catch(fail)
    })
    return { byteLength, sha256: hash.digest('hex') }
  }

  /** Forgets a file; nobody waits for it. */
  remove(path: string): void {
    const removing = rm(path, { force: true })
      // What cannot be removed now goes with the folder.
      .catch(() => {})
      .finally(() => this.#removing.delete(removing))
    this.#removing.add(removing)
  }

  async dispose(): Promise<void> {
    await this.#folder?.catch(() => {})
    await Promise.all(this.#removing)
    process.off('exit', this.#atExit)
    for (const folder of this.#made) await rm(folder, { recursive: true, force: true })
  }

  /** A process that ends in a hurry has no time for promises. */
  readonly #atExit = () => {
    for (const folder of this.#made) rmSync(folder, { recursive: true, force: true })
  }

  async #make(): Promise<string> {
    const prefix = `aerie-${this.#words.kind}-`
    await mkdir(this.#parent, { recursive: true })
    await removeOrphans(this.#parent, prefix)
    const own = `${prefix}${HOST}-${process.pid}-${LIFE}-`
    const folder = await mkdtemp(join(this.#parent, own))
    if (this.#made.size === 0) process.once('exit', this.#atExit)
    this.#made.add(folder)
    return folder
  }
}

/** Of what the system says of the disk. */
function storageError(cause: Error, { kind, place }: SpoolWords): AerieError {
  const { code } = cause as NodeJS.ErrnoException
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  const why = isFull ? `the disk of ${place} is full` : `${place} cannot be used (${code})`
  return new AerieError(isFull ? 'insufficient_storage' : 'storage_failure', `${kind}: ${why}`, {
    cause,
  })
}

/** Folders of servers of this host that are gone, by kill -9 say, and of this user. Another host may share the disk. */
async function removeOrphans(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue
    const [, host, owner, life] = NAME.exec(name.slice(prefix.length)) ?? []
    const isOurs = Number(owner) === process.pid
    if (host !== HOST || (isOurs ? life === LIFE : isProcessAlive(Number(owner)))) continue
    const folder = join(parent, name)
    if (!(await isOurFolder(folder))) continue
    // Another server may be at it, too.
    await rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}

async function isOurFolder(path: string): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined)
  if (!info?.isDirectory()) return false
  return info.uid === (process.getuid?.() ?? info.uid)
}
