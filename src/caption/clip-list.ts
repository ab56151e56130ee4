/** The clips of a folder, of a list, or a single one, one after the other: however many there are, a few are in memory. */
import { createReadStream, type Dirent } from 'node:fs'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { CommandFailure } from '../cli/command.ts'
import { sniff } from '../media/sniff.ts'
import { type BadLine, type ClipEntry, isUrl } from './job.ts'
import { readLines } from './lines.ts'
import { parseListLine } from './list-line.ts'

export type ListedClip = ClipEntry | BadLine

export interface ClipList {
  /** From the beginning, in an order that stays the same while the input does. Throws CommandFailure for an input that cannot be read. */
  clips(): AsyncIterable<ListedClip>
  /** Whether `clips` can be called more than once. */
  readonly isRepeatable: boolean
}

/** Looked into only where the name says nothing: a folder of ten thousand clips is listed without opening one. */
const CLIP_NAME =
  /\.(3g2|3gp|asf|avi|flv|gif|m2ts|m4v|mkv|mov|mp4|mpe?g|mts|ogv|ts|vob|webm|wmv|jpe?g|png|webp|avif|tiff?|hei[cf])$/i
const OTHER_NAME = /\.(csv|docx?|html?|jsonl?|log|md|pdf|srt|txt|vtt|xml|ya?ml|zip)$/i
const HEAD_BYTES = 4096
/** Files of this command's own, should it write into the folder that it reads. */
const UNFINISHED = /\.tmp$/

const plain = (source: string, id = source): ClipEntry => ({
  id,
  source,
  start: undefined,
  end: undefined,
  prompt: undefined,
  segment: undefined,
})

/** What the operand names. Rejects with CommandFailure where there is nothing. */
export async function openClipList(input: string, stdin: NodeJS.ReadableStream): Promise<ClipList> {
  if (input === '-') {
    return {
      isRepeatable: false,
      clips: () => listed(stdin as AsyncIterable<Buffer>, 'standard input', ''),
    }
  }
  if (isUrl(input)) return { isRepeatable: true, clips: () => one(plain(input)) }
  const path = resolve(input)
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailure(
      `${input}: ${error.code === 'ENOENT' ? 'no such folder, list or clip' : error.message}`,
    )
  })
  if (found.isDirectory()) return { isRepeatable: true, clips: () => inFolder(path) }
  if (!found.isFile()) throw new CommandFailure(`${input}: expected a folder, a list or a clip`)
  if (/\.(txt|jsonl)$/i.test(path)) {
    // Paths of a list are meant from the list: it can be moved with its clips, and read from anywhere.
    return {
      isRepeatable: true,
      clips: () => listed(createReadStream(path), input, join(path, '..')),
    }
  }
  return {
    isRepeatable: true,
    clips: () => one(plain(path, path.slice(path.lastIndexOf(sep) + 1))),
  }
}

async function* one(entry: ClipEntry): AsyncGenerator<ClipEntry> {
  yield entry
}

async function* listed(
  pieces: AsyncIterable<string | Uint8Array>,
  name: string,
  folder: string,
): AsyncGenerator<ListedClip> {
  for await (const line of readLines(pieces, name)) {
    const entry = parseListLine(line)
    if (entry === undefined) continue
    if ('problem' in entry || isUrl(entry.source)) yield entry
    else yield { ...entry, source: resolve(folder, entry.source) }
  }
}

/** Depth first, names in the order of their characters' codes. The names of one folder at a time, and those above it, are in memory. */
async function* inFolder(root: string, folder = root): AsyncGenerator<ClipEntry> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: Error) => {
    if (folder === root) throw new CommandFailure(`${root}: ${error.message}`)
    return undefined
  })
  if (entries === undefined) {
    // A folder that may not be read is told as a clip that may not: it is opened, and the reason is written down.
    yield plain(folder, relative(root, folder))
    return
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* inFolder(root, path)
    else if (await isClip(root, path, entry))
      yield plain(path, relative(root, path).replaceAll(sep, '/'))
  }
}

async function isClip(root: string, path: string, entry: Dirent): Promise<boolean> {
  if (entry.name.startsWith('.') || UNFINISHED.test(entry.name)) return false
  if (entry.isSymbolicLink() && !(await leadsInside(root, path))) return false
  if (!entry.isFile() && !entry.isSymbolicLink()) return false
  if (CLIP_NAME.test(entry.name)) return true
  if (OTHER_NAME.test(entry.name)) return false
  return looksLikeClip(path)
}

/** Links to files of the folder are followed; those to folders need not be, and any other leads to what nobody named. */
async function leadsInside(root: string, path: string): Promise<boolean> {
  try {
    const target = relative(await realpath(root), await realpath(path))
    const isInside = !isAbsolute(target) && target.split(sep)[0] !== '..'
    return isInside && (await stat(path)).isFile()
  } catch {
    // A link to nothing.
    return false
  }
}

async function looksLikeClip(path: string): Promise<boolean> {
  try {
    await using file = await open(path)
    const head = Buffer.alloc(HEAD_BYTES)
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0)
    const found = sniff(head.subarray(0, bytesRead))
    return found.is === 'picture' || found.is === 'video'
  } catch {
    // Neither name nor bytes say that it is one.
    return false
  }
}
