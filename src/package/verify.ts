/**
 * Whether a package's files are those that it was made of. Names and sizes are looked at always; the bytes are hashed the
 * first time, and again whenever the system's own notes about a file (inode, size, times) are not those of that time.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AerieError } from '../errors.ts'
import { resolveInside } from '../model-folder.ts'
import { MANIFEST_FILE, type Manifest, type PackageFile } from './manifest.ts'

export interface VerifyOptions {
  /** Where it is noted which packages were hashed; absent: nothing is noted, and the bytes are hashed. */
  readonly notes?: string
  /**
   * `changed` (default): what the notes do not vouch for. `everything`: whatever they say, as bits that rotted on the disk
   * change no time. `nothing`: names and sizes alone.
   */
  readonly hash?: 'changed' | 'everything' | 'nothing'
  readonly signal?: AbortSignal
}

export interface Verification {
  /** Bytes that were hashed; 0 when the notes of an earlier time still hold. */
  readonly hashedBytes: number
  /** Why the result could not be noted, so that the next start hashes again. */
  readonly notNoted?: string
}

const MOST_DEPTH = 10

/** Rejects with `invalid_package`, naming the file that is missing, surplus or changed. */
export async function verifyPackage(
  directory: string,
  manifest: Manifest,
  options: VerifyOptions = {},
): Promise<Verification> {
  await refuseSurplus(directory, manifest)
  const seen: string[] = []
  const paths: string[] = []
  for (const file of manifest.files) {
    const path = await resolveInside(directory, file.path)
    if (path === undefined) throw damaged(directory, file, 'is missing')
    const { size, ino, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    if (size !== BigInt(file.bytes))
      throw damaged(directory, file, `has ${size} bytes, expected ${file.bytes}`)
    seen.push(`${path} ${size} ${ino} ${mtimeNs} ${ctimeNs}`)
    paths.push(path)
  }
  if (options.hash === 'nothing') return { hashedBytes: 0 }
  const note = options.notes && join(options.notes, noteName(manifest, paths))
  const state = createHash('sha256').update(seen.join('\n')).digest('hex')
  if (note !== undefined && options.hash !== 'everything' && (await readNote(note)) === state) {
    return { hashedBytes: 0 }
  }
  let hashedBytes = 0
  for (const [i, file] of manifest.files.entries()) {
    const hash = createHash('sha256')
    const { signal } = options
    const bytes = createReadStream(paths[i]!, { highWaterMark: 2 ** 22 })
    await pipeline(bytes, hash, ...(signal ? [{ signal }] : []))
    const digest = hash.digest('hex')
    if (digest !== file.sha256)
      throw damaged(
        directory,
        file,
        `was changed: its SHA-256 is ${digest}, expected ${file.sha256}`,
      )
    hashedBytes += file.bytes
  }
  if (note === undefined) return { hashedBytes }
  try {
    await writeNote(note, state)
    return { hashedBytes }
  } catch (error) {
    return { hashedBytes, notNoted: (error as Error).message }
  }
}

/** A file that nobody listed, such as another chat template, could change what the model says. */
async function refuseSurplus(directory: string, manifest: Manifest): Promise<void> {
  const listed = new Set([MANIFEST_FILE, ...manifest.files.map(({ path }) => path)])
  const visit = async (below: string, depth: number): Promise<void> => {
    for (const entry of await readdir(join(directory, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isDirectory() && depth < MOST_DEPTH) await visit(path, depth + 1)
      else if (!listed.has(path)) {
        throw new AerieError(
          'invalid_package',
          `${join(directory, path)} is no part of this package`,
        )
      }
    }
  }
  await visit('', 0)
}

/** Differs by package and by place. */
function noteName({ digest }: Manifest, paths: readonly string[]): string {
  const place = createHash('sha256').update(paths.join('\n')).digest('hex')
  return `${digest.slice(0, 32)}-${place.slice(0, 16)}`
}

async function readNote(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    // Where notes cannot be kept at all, the attempt to write one says so.
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return undefined
    throw error
  }
}

async function writeNote(path: string, state: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const fresh = `${path}.${process.pid}`
  await writeFile(fresh, state)
  await rename(fresh, path)
}

function damaged(directory: string, { path }: PackageFile, what: string): AerieError {
  return new AerieError('invalid_package', `${join(directory, path)} ${what}`)
}
