/** Which files of a checkpoint folder a package is made of; pickles and links that lead out are refused. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, listFolder, resolveInside } from '../model-folder.ts'
import { MANIFEST_FILE } from '../package/manifest.ts'

export interface SourceFile {
  /** Below the folder, with `/`. */
  readonly path: string
  /** With every symbolic link followed. */
  readonly source: string
  readonly bytes: number
  /** Milliseconds; with the size, what tells that a file was written to. */
  readonly changed: number
}

/** What belongs to a checkpoint beside its weights: configs, tokenizers, templates, cards and licences. */
const KEPT = /^(?:[\w-][\w.-]*\.(?:json|jinja|model)|merges\.txt)$/i
const CARD = /^(?:LICEN[CS]E|NOTICE|README)[\w.-]*$/i

/** Weights as Python objects: reading them runs what they say. */
const PICKLE = /\.(?:bin|pth|pt|ckpt|pkl)$/i

const CONVERTER = new URL('./pickle-to-safetensors.py', import.meta.url)

export function isKept(name: string): boolean {
  return (KEPT.test(name) || isCard(name)) && name !== MANIFEST_FILE
}

/** What says who made it and what may be done with it. */
export function isCard(name: string): boolean {
  return CARD.test(name)
}

export function isPickle(name: string): boolean {
  return PICKLE.test(name)
}

/**
 * The small files of the folder, of those sub-folders that its family reads, and `configFiles` wherever they lie, in the
 * order of their paths. Throws `invalid_package`.
 */
export async function surveyFolder(
  directory: string,
  folders: readonly string[],
  configFiles: readonly string[] = [],
): Promise<SourceFile[]> {
  const paths = new Set(configFiles)
  for (const folder of new Set(['', ...folders])) {
    for (const name of (await listFolder(join(directory, folder))).filter(isKept))
      paths.add(folder === '' ? name : `${folder}/${name}`)
  }
  const files: SourceFile[] = []
  for (const path of paths) {
    const file = await sourceFile(directory, path)
    if (file === undefined) continue
    if (file.bytes > FILE_LIMITS.vocabulary) {
      throw invalid(
        `${join(directory, path)} has ${file.bytes} bytes, at most ${FILE_LIMITS.vocabulary} are taken`,
      )
    }
    files.push(file)
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** A file of a folder; undefined for anything else of that name. Throws `invalid_package` for one outside. */
export async function sourceFile(directory: string, path: string): Promise<SourceFile | undefined> {
  const source = await resolveInside(directory, path)
  if (source === undefined) return undefined
  const found = await stat(source)
  return found.isFile() ? { path, source, bytes: found.size, changed: found.mtimeMs } : undefined
}

/** Throws `invalid_package` with the command that helps when the weights of a folder are pickles alone. */
export async function refusePickles(directory: string, folders: readonly string[]): Promise<void> {
  for (const folder of folders.length > 0 ? folders : ['']) {
    const names = await listFolder(join(directory, folder))
    if (names.some((name) => name.endsWith('.safetensors'))) continue
    const pickle = names.find(isPickle)
    if (pickle === undefined) continue
    throw pickleRefused(join(directory, folder, pickle), join(directory, folder))
  }
}

/** `what` is the file, `folder` where the command is to write. */
export function pickleRefused(what: string, folder: string): AerieError {
  return invalid(
    `${what} is a Python pickle, which is a program, and is never read here. To convert it once: ` +
      `python3 ${quote(fileURLToPath(CONVERTER))} ${quote(folder)} (needs: pip install torch safetensors)`,
  )
}

const quote = (path: string) =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`

function invalid(message: string): AerieError {
  return new AerieError('invalid_package', message)
}
