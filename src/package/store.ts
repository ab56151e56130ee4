/** The folder in which imported packages are kept, each under its name and the beginning of its digest. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Manifest, readManifest } from './manifest.ts'

export interface StoredPackage {
  readonly directory: string
  readonly manifest: Manifest
}

/** Folder of a package below the models folder. */
export function packageFolder(modelsDir: string, { name, digest }: Manifest): string {
  return join(modelsDir, `${name}-${digest.slice(0, 12)}`)
}

/** A model of one file has this name in its package. */
export const GGUF_FILE = 'model.gguf'

/** What is opened to run a package: its folder, or its one file. */
export function modelPath({ directory, manifest }: StoredPackage): string {
  const isFile = manifest.files.some(({ path }) => path === GGUF_FILE)
  return isFile ? join(directory, GGUF_FILE) : directory
}

/** Where it is noted which packages were hashed, see {@link verifyPackage}. */
export function notesFolder(modelsDir: string): string {
  return join(modelsDir, '.verified')
}

/**
 * The package that was made of a hub's repository: of that commit, or the newest, in any form of the weights unless one is
 * named. Throws `invalid_package` for one that was changed.
 */
export async function findHubPackage(
  modelsDir: string,
  id: string,
  revision?: string,
  quantize?: Manifest['quantize'],
): Promise<StoredPackage | undefined> {
  const found: StoredPackage[] = []
  for (const name of await packageNames(modelsDir, id)) {
    const directory = join(modelsDir, name)
    const manifest = await readManifest(directory)
    if (manifest?.parent.kind !== 'hub' || manifest.parent.id !== id) continue
    if (quantize !== undefined && manifest.quantize !== quantize) continue
    if (revision === undefined || manifest.parent.revision === revision) {
      found.push({ directory, manifest })
    }
  }
  return found.sort((a, b) => b.manifest.created.localeCompare(a.manifest.created))[0]
}

/** Folders whose names fit: another damaged package must not be in the way. */
async function packageNames(modelsDir: string, id: string): Promise<string[]> {
  const prefix = `${servedName(id)}-`
  try {
    const names = await readdir(modelsDir)
    return names.filter(
      (n) => n.startsWith(prefix) && /^[0-9a-f]{12}$/.test(n.slice(prefix.length)),
    )
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** `owner/name` or a folder's name → a name to serve under. */
export function servedName(id: string): string {
  const last = id.split(/[\\/]/).filter(Boolean).at(-1) ?? ''
  const name = last
    .replaceAll(/[^\w.-]/g, '-')
    .replace(/^\.+/, '')
    .slice(0, 100)
  return name === '' ? 'model' : name
}
