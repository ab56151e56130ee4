/** The folder in which clips lie while they are looked at: this server's own, bounded, and gone when the server is. */
import { createHash, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { AerieError } from '../../errors.ts'
import { isProcessAlive } from '../../process-alive.ts'
import { writeAll } from '../../write-all.ts'

/** `aerie-clips-<host>-<process>-<life of it>-<random>`; a host is told by a hash, as its name may have any characters. */
const NAME = /^aerie-clips-([0-9a-f]{8})-(\d+)-([0-9a-f]{8})-\w+$/
/** Processes of containers have the same number in every life. */
const LIFE = randomBytes(4).toString('hex')
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)

export interface WrittenClip {
  readonly byteLength: number
  /** Hex. */
  readonly sha256: string
}

export class Spool {
  readonly #parent: string
  #folder: Promise<string> | undefined
  #made: string | undefined
  readonly #removing = new Set<Promise<void>>()

  /** Nothing is made before it is needed. */
  constructor(parent: string) {
    this.#parent = parent
  }

  /** A path of the folder that nothing lies under. Rejects with `storage_failure` where there can be no folder. */
  async path(): Promise<string> {
    this.#folder ??= this.#make()
    const folder = await this.#folder.catch((cause: Error) => {
      // Tried again by the next clip.
      this.#folder = undefined
      throw storageError(cause)
    })
    return join(folder, randomBytes(12).toString('hex'))
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
    const folder = await this.#folder?.catch(() => undefined)
    await Promise.all(this.#removing)
    process.off('exit', this.#atExit)
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }

  /** A process that ends in a hurry has no time for promises. */
  readonly #atExit = () => {
    if (this.#made !== undefined) rmSync(this.#made, { recursive: true, force: true })
  }

  async #make(): Promise<string> {
    await mkdir(this.#parent, { recursive: true })
    await removeOrphans(this.#parent)
    const prefix = `aerie-clips-${HOST}-${process.pid}-${LIFE}-`
    this.#made = await mkdtemp(join(this.#parent, prefix))
    process.once('exit', this.#atExit)
    return this.#made
  }
}

/** Writes pieces to a new file as they come, each taken before the next one is asked for. */
export async function writeClip(
  path: string,
  pour: (take: (piece: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<WrittenClip> {
  const hash = createHash('sha256')
  let byteLength = 0
  await using file = await open(path, 'wx', 0o600).catch((cause: Error) => {
    throw storageError(cause)
  })
  await pour(async (piece) => {
    // On this thread, as for uploaded files: 64 KiB take a small part of a millisecond.
    hash.update(piece)
    byteLength += piece.byteLength
    await writeAll(file, piece).catch((cause: Error) => {
      throw storageError(cause)
    })
  })
  return { byteLength, sha256: hash.digest('hex') }
}

/** Of what the system says of the disk. */
export function storageError(cause: Error): AerieError {
  const { code } = cause as NodeJS.ErrnoException
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  const why = isFull
    ? 'the disk of videoSpoolDir is full'
    : `videoSpoolDir cannot be used (${code})`
  return new AerieError(isFull ? 'insufficient_storage' : 'storage_failure', `clips: ${why}`, {
    cause,
  })
}

/** Folders of servers of this host that are gone, by kill -9 say, and of this user. Another host may share the disk. */
async function removeOrphans(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, host, owner, life] = NAME.exec(name) ?? []
    const isOurs = Number(owner) === process.pid
    if (host !== HOST || (isOurs ? life === LIFE : isProcessAlive(Number(owner)))) continue
    const folder = join(parent, name)
    const info = await lstat(folder).catch(() => undefined)
    if (!info?.isDirectory() || info.uid !== process.getuid?.()) continue
    // Another server may be at it, too.
    await rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}
