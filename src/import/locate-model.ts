/** Finds the folder or file of the model that a server is to serve: a checkpoint, a package, a GGUF file, or a hub's repository, imported first. */
import { resolve } from 'node:path'
import { parseHubModel } from '../hub/hub-id.ts'
import { isModelFile } from '../model-file.ts'
import { type Manifest, readManifest } from '../package/manifest.ts'
import {
  findHubPackage,
  modelPath,
  notesFolder,
  packedPath,
  type StoredPackage,
} from '../package/store.ts'
import { verifyPackage } from '../package/verify.ts'
import { signatureOf, Unchanged } from '../unchanged.ts'
import { checkpointForm, checkpointName } from './checkpoint-form.ts'
import type { ImportModelOptions } from './import-model.ts'
import { isFolder, type ModelSource, noSuchModel } from './model-source.ts'
import { checkText } from './text-check.ts'

export interface LocatedModel {
  /** Of the model, or the path of its one file. */
  readonly directory: string
  /** The name under which it is served. */
  readonly name: string
  /** Undefined for a checkpoint that is served as it lies. */
  readonly manifest: Manifest | undefined
  /** Of a package that has them: its weights as the native runtime reads them. */
  readonly packedWeights?: string | undefined
  /** Something that whoever runs the server should know. */
  readonly remark?: string
}

export interface LocateOptions
  extends Omit<ImportModelOptions, 'out' | 'force' | 'quantise' | 'packed'> {
  /** Hash a package's files whatever was noted about them. */
  readonly verify: boolean
}

/** Checkpoints whose text part was tried: one that is loaded again is not tried again. */
const texts = new Unchanged<void>(256)

/** Rejects with `invalid_package`, also for a package of which a byte was changed, and as `importModel`. */
export async function locateModel(
  source: ModelSource,
  options: LocateOptions,
): Promise<LocatedModel> {
  const { model, revision } = source
  const isDirectory = await isFolder(model)
  if (isDirectory) {
    const directory = resolve(model)
    const manifest = await readManifest(directory)
    if (manifest) return await verified({ directory, manifest }, options)
  }
  if (isDirectory || (await isModelFile(model))) {
    const { path } = await checkpointForm(model)
    // Its template and tokenizer run in this process from now on.
    await texts.get(path, await signatureOf(path), async () => void (await checkText(path)))
    return { directory: path, name: await checkpointName(model), manifest: undefined }
  }
  const wanted = parseHubModel(model)
  if (!wanted) throw noSuchModel(model)
  const known = await findHubPackage(options.modelsDir, { ...wanted, revision })
  if (known) return await verified(known, options)
  // The hub's client is loaded by those who need it.
  const { importModel } = await import('./import-model.ts')
  return await verified(await importModel(source, options), options)
}

async function verified(
  found: StoredPackage,
  { modelsDir, verify, signal }: LocateOptions,
): Promise<LocatedModel> {
  const { directory, manifest } = found
  const { notNoted } = await verifyPackage(directory, manifest, {
    notes: notesFolder(modelsDir),
    hash: verify ? 'everything' : 'changed',
    ...(signal ? { signal } : {}),
  })
  return {
    directory: modelPath(found),
    name: manifest.name,
    manifest,
    packedWeights: packedPath(found),
    ...(notNoted === undefined
      ? {}
      : {
          remark: `the next start hashes the package again, as this cannot be noted: ${notNoted}`,
        }),
  }
}
