/** The folder in which imported packages are kept, each under its name and the beginning of its digest. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'
import {
  ggufStem,
  quantisationOf,
  shardName,
  shardOf,
  variantNames,
  variantsNamed,
} from '../gguf-name.ts'
import { type Manifest, type Quantization, readManifest } from './manifest.ts'

export interface StoredPackage {
  readonly directory: string
  readonly manifest: Manifest
}

/** Folder of a package below the models folder. */
export function packageFolder(modelsDir: string, { name, digest }: Manifest): string {
  return join(modelsDir, `${name}-${digest.slice(0, 12)}`)
}

const GGUF_FILE = 'model.gguf'

/** The name in its package of a GGUF model's file, the `index`-th of `count`. */
export function ggufFile(index: number, count: number): string {
  const total = String(count).padStart(5, '0')
  return count === 1 ? GGUF_FILE : shardName(`model-00001-of-${total}.gguf`, index + 1)
}

/** What is opened to run a package: its folder, or its one file, or the first of its shards. */
export function modelPath({ directory, manifest }: StoredPackage): string {
  const file = manifest.files.find(({ path }) => path === GGUF_FILE || shardOf(path)?.number === 1)
  return file ? join(directory, file.path) : directory
}

/** Weights in the form of the native runtime, see `import/packed-file.ts`. */
export const PACKED_FILE = 'packed.safetensors'

/** Where a package has them; undefined for one that has none. */
export function packedPath({ directory, manifest }: StoredPackage): string | undefined {
  return manifest.packed && join(directory, PACKED_FILE)
}

/** Where it is noted which packages were hashed, see {@link verifyPackage}. */
export function notesFolder(modelsDir: string): string {
  return join(modelsDir, '.verified')
}

/** A model of a hub, see `hub/hub-id.ts`. */
export interface WantedPackage {
  readonly id: string
  readonly variant?: string
  readonly revision?: string | undefined
  readonly quantize?: Manifest['quantize']
  /** Of quantised ones: how the decoder's groups were rounded, and how long they are; absent: in any way. */
  readonly rounding?: Quantization['method'] | undefined
  readonly group?: number | undefined
  /** With packed weights, or without; absent: either. */
  readonly packed?: boolean | undefined
}

/**
 * The package that was made of a hub's repository, or of that variant in it: of that commit, or the newest, in any form of the
 * weights unless one is named. Throws `invalid_package` for one that was changed, and where several variants fit.
 */
export async function findHubPackage(
  modelsDir: string,
  { id, variant, revision, quantize, rounding, group, packed }: WantedPackage,
): Promise<StoredPackage | undefined> {
  const found: (StoredPackage & { readonly path: string })[] = []
  for (const name of await packageNames(modelsDir, id)) {
    const directory = join(modelsDir, name)
    const manifest = await readManifest(directory)
    if (manifest?.parent.kind !== 'hub') continue
    if (quantize !== undefined && manifest.quantize !== quantize) continue
    if (!isGrouped(manifest.quantization, { rounding, group })) continue
    if (packed !== undefined && (manifest.packed !== undefined) !== packed) continue
    const { id: made, revision: commit } = manifest.parent
    const isOf = made === id || made.startsWith(`${id}:`)
    if (isOf && (revision === undefined || commit === revision))
      found.push({ directory, manifest, path: made.slice(id.length + 1) })
  }
  // What was made of the whole repository is what its name alone means.
  const whole = variant === undefined ? found.filter(({ path }) => path === '') : []
  const fitting = whole.length > 0 ? whole : variantsNamed(found, variant)
  const paths = [...new Set(fitting.map(({ path }) => path))].sort()
  if (paths.length > 1) {
    const names = [...variantNames(paths).values()]
    throw new AerieError(
      'invalid_package',
      `${id}${variant === undefined ? '' : `:${variant}`}: imported were ${names.join(' and ')}, expected one, as in ${id}:${names[0]}`,
    )
  }
  return fitting.toSorted((a, b) => b.manifest.created.localeCompare(a.manifest.created))[0]
}

/** Whether the groups of a package are as wanted; a tower alone has none, whatever was asked for. */
function isGrouped(
  quantization: Quantization | undefined,
  { rounding, group }: Pick<WantedPackage, 'rounding' | 'group'>,
): boolean {
  if (!quantization?.parts.some(({ form }) => form === 'groups')) return true
  const isRounded = rounding === undefined || quantization.method === rounding
  return isRounded && (group === undefined || quantization.group === group)
}

/** Folders whose names fit: another damaged package must not be in the way. */
async function packageNames(modelsDir: string, id: string): Promise<string[]> {
  const prefix = servedName(id)
  try {
    const names = await readdir(modelsDir)
    return names.filter(
      (n) => n.startsWith(prefix) && /^(?:\.[\w.-]+)?-[0-9a-f]{12}$/.test(n.slice(prefix.length)),
    )
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** `owner/name`, `owner/name:file.gguf` or a folder's name → a name to serve under. */
export function servedName(id: string): string {
  const [, repository, file] = /^([^:]+\/[^:]+):(.+\.gguf)$/i.exec(id) ?? []
  if (repository !== undefined && file !== undefined)
    return servedName(`${servedName(repository)}.${quantisationOf(file) ?? ggufStem(file)}`)
  const last = id.split(/[\\/]/).filter(Boolean).at(-1) ?? ''
  const name = last
    .replaceAll(/[^\w.-]/g, '-')
    .replace(/^\.+/, '')
    .slice(0, 100)
  return name === '' ? 'model' : name
}
