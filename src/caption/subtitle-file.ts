/** Where the subtitles of a clip go, and how they get there whole. */
import { createHash } from 'node:crypto'
import { mkdir, opendir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CommandFailure } from '../cli/command.ts'
import { type Cue, subtitles } from './subtitles.ts'

/** File systems take 255 bytes for a name; ending, hash and a temporary suffix need room, too. */
const LONGEST_NAME = 180

/**
 * The clip's id as a path below the folder, with the format's ending behind its own: `a/b.mp4.srt`. Whatever a file system or a player
 * cannot take, or would lead out of the folder, is replaced, and then a hash keeps the name unlike all others.
 */
export function subtitlePath(id: string, format: 'srt' | 'vtt'): string {
  const parts = id
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .map((part) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
      const safe = part.replace(/^\.\.$/, '__').replace(/[\0-\x1f\x7f\\:*?"<>|]/g, '_')
      return Buffer.byteLength(safe) > LONGEST_NAME
        ? Buffer.from(safe)
            .subarray(0, LONGEST_NAME)
            .toString()
            .replace(/\uFFFD+$/, '')
        : safe
    })
  const path = parts.join('/')
  if (path === id) return `${path}.${format}`
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 8)
  return `${path === '' ? 'clip' : path}-${hash}.${format}`
}

/** Where subtitles go: one file for the only clip, or a folder for all. */
export interface SubtitlePlace {
  readonly path: string
  readonly isFolder: boolean
}

/** Throws CommandFailure where there are subtitles that a new run might write over: somebody else made them. */
export async function refuseForeign(
  { path, isFolder }: SubtitlePlace,
  format: string,
): Promise<void> {
  const found = isFolder ? await findEnding(path, `.${format}`) : (await isThere(path)) && path
  if (!found) return
  throw new CommandFailure(
    `${found} is there, and was not begun by this command; name another place with --out, or remove it`,
  )
}

async function findEnding(folder: string, ending: string): Promise<string | undefined> {
  if (!(await isThere(folder))) return undefined
  for await (const entry of await opendir(folder, { recursive: true })) {
    if (!entry.isDirectory() && entry.name.endsWith(ending))
      return join(entry.parentPath, entry.name)
  }
  return undefined
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw new CommandFailure(`--out: ${error.message}`)
    },
  )
}

/** Writes the file whole or not at all. Rejects with the system's own errors. */
export async function writeSubtitles(
  path: string,
  cues: readonly Cue[],
  format: 'srt' | 'vtt',
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const unfinished = join(
    dirname(path),
    `.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`,
  )
  try {
    await writeFile(unfinished, subtitles(cues, format), { flag: 'wx' })
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}
