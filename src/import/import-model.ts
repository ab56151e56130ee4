/** Imports what a user names: a folder, a GGUF file, or a repository of the hub. */
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { AerieError } from '../errors.ts'
import { type HubAccess, HubClient } from '../hub/hub-client.ts'
import { type HubModel, parseHubModel } from '../hub/hub-id.ts'
import { openRepository } from '../hub/repository.ts'
import { isModelFile } from '../model-file.ts'
import { findHubPackage, servedName, type WantedPackage } from '../package/store.ts'
import type { QuantiseOptions } from '../quantise/methods.ts'
import { fetchCheckpoint } from './fetch-checkpoint.ts'
import { fetchGguf } from './fetch-gguf.ts'
import { chooseGguf } from './gguf-variant.ts'
import { type ImportResult, importCheckpoint, refuseQuantising } from './import-checkpoint.ts'
import { lockFolder } from './lock.ts'
import { isFolder, type ModelSource, noSuchModel } from './model-source.ts'
import type { OnProgress } from './progress.ts'

export interface ImportModelOptions {
  readonly modelsDir: string
  readonly out?: string | undefined
  readonly force?: boolean
  readonly quantise?: QuantiseOptions | undefined
  /** See {@link ImportOptions}. */
  readonly packed?: boolean | undefined
  readonly hub: HubAccess
  /** Whether the network is left alone. */
  readonly offline: boolean
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/** Rejects with `invalid_package`, `invalid_config`, `download_failed`, `insufficient_storage` or the signal's reason. */
export async function importModel(
  source: ModelSource,
  options: ImportModelOptions,
): Promise<ImportResult> {
  const { model, revision } = source
  const isFile = await isModelFile(model)
  if (isFile || (await isFolder(model))) {
    if (revision !== undefined)
      throw new AerieError(
        'invalid_config',
        `--revision: a ${isFile ? 'file' : 'folder'} has none, expected a hub id`,
      )
    return await importCheckpoint(model, importOptions(options))
  }
  const wanted = parseHubModel(model)
  if (!wanted) throw noSuchModel(model)
  return await importFromHub({ ...wanted, revision }, options)
}

async function importFromHub(
  wanted: HubModel & Pick<ModelSource, 'revision'>,
  options: ImportModelOptions,
): Promise<ImportResult> {
  const { modelsDir, out, force, quantise, packed, hub, offline, signal, onProgress } = options
  const { id, variant } = wanted
  const form = { ...wantedForm(quantise), packed }
  if (offline) {
    const known = await findHubPackage(modelsDir, { ...wanted, ...form })
    if (known && !out) return { ...known, remarks: [], wasThere: true }
    throw new AerieError(
      'download_failed',
      `${id}${variant === undefined ? '' : `:${variant}`} has not been imported, and the network is off (offline, HF_HUB_OFFLINE)`,
    )
  }
  const client = new HubClient(hub, signal)
  const repository = await openRepository(client, id, wanted.revision)
  const { revision } = repository
  const gguf = chooseGguf(repository, variant)
  if (gguf) refuseQuantising(quantise)
  const found: WantedPackage = {
    ...{ id, revision, ...form },
    ...(gguf && { variant: gguf.path }),
  }
  const known = await findHubPackage(modelsDir, found)
  if (known && !force && !out) return { ...known, remarks: [], wasThere: true }
  const fetchedFrom = { id: gguf ? `${id}:${gguf.path}` : id, revision }
  // Files of one repository may have names that are served alike.
  const place = [revision.slice(0, 12), ...(gguf ? [gguf.files[0].digest.hex.slice(0, 8)] : [])]
  const work = join(
    resolve(modelsDir),
    `${[servedName(fetchedFrom.id), ...place].join('-')}.download`,
  )
  await mkdir(work, { recursive: true })
  const unlock = await lockFolder(work)
  try {
    const directory = join(work, 'files')
    await mkdir(directory, { recursive: true })
    const fetching = { directory, onProgress }
    if (gguf) await fetchGguf(client, repository, gguf, fetching)
    else await fetchCheckpoint(client, repository, fetching)
    const result = await importCheckpoint(directory, { ...importOptions(options), fetchedFrom })
    await rm(work, { recursive: true, force: true })
    return result
  } finally {
    await unlock()
  }
}

/** What another import of the same may differ in. */
function wantedForm(
  quantise: QuantiseOptions | undefined,
): Pick<WantedPackage, 'quantize' | 'rounding' | 'group'> {
  if (!quantise) return { quantize: 'none' }
  const { method: quantize, group, rounding } = quantise
  return { quantize, group, rounding: rounding === 'gptq' ? 'gptq' : 'round-to-nearest' }
}

function importOptions({
  modelsDir,
  out,
  force = false,
  quantise,
  packed,
  signal,
  onProgress,
}: ImportModelOptions) {
  return {
    modelsDir,
    out,
    force,
    quantise,
    packed,
    signal,
    ...(onProgress && {
      onProgress: (done: { doneBytes: number; totalBytes: number; file: string }) =>
        onProgress({ what: 'importing', ...done }),
    }),
  }
}
