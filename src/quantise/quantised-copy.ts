/** A checkpoint's folder with its weights quantised, as an import would make them, for as long as it is looked at. */
import { copyFile, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { QuantiseOptions } from './methods.ts'
import { ModelQuantiser } from './model-quantiser.ts'

export interface QuantisedCopy extends AsyncDisposable {
  readonly directory: string
  /** Parts that stay as they are, each with the reason. */
  readonly kept: ReadonlyMap<string, string>
}

/** Rejects as `ModelQuantiser.open`. */
export async function quantisedCopy(
  checkpoint: string,
  options: QuantiseOptions,
): Promise<QuantisedCopy> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'aerie-quantised-')))
  const dispose = () => rm(folder, { recursive: true })
  try {
    const directory = join(folder, 'checkpoint')
    await using quantiser = await ModelQuantiser.open(checkpoint, {
      ...options,
      scratch: folder,
      identity: '',
    })
    for (const entry of await readdir(checkpoint, { recursive: true, withFileTypes: true })) {
      if (entry.isDirectory()) continue
      const path = relative(checkpoint, join(entry.parentPath, entry.name))
      const target = join(directory, path)
      await mkdir(dirname(target), { recursive: true })
      if (quantiser.changes(path)) await quantiser.write(path, target)
      else await copyFile(join(checkpoint, path), target)
    }
    return { directory, kept: quantiser.kept, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
