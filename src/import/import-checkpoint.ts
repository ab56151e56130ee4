/** A checkpoint → a package: checked, copied once, under a digest. */
import { createHash } from 'node:crypto'
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { AerieError } from '../errors.ts'
import { isModelFile } from '../model-file.ts'
import {
  FORMAT,
  MANIFEST_FILE,
  type Manifest,
  type PackageFile,
  type Quantization,
  readManifest,
  sealManifest,
} from '../package/manifest.ts'
import { PACKED_FILE, packageFolder, type StoredPackage, servedName } from '../package/store.ts'
import type { QuantiseOptions } from '../quantise/methods.ts'
import { ModelQuantiser } from '../quantise/model-quantiser.ts'
import type { Thresholds } from '../quantise/thresholds.ts'
import { checkpointForm, checkpointName } from './checkpoint-form.ts'
import { type Examination, examine } from './examine.ts'
import { FileTaker } from './file-taker.ts'
import { freeBytesAt, tooLittleRoom } from './free-space.ts'
import { openWorkplace, type Workplace } from './journal.ts'
import { choosePacking, mostPackedBytes, packedFacts, writePacked } from './packed-file.ts'

export interface ImportOptions {
  /** Folder of all packages; the package goes below it, unless `out` says where. */
  readonly modelsDir: string
  /** The package's own folder. */
  readonly out?: string | undefined
  /** Replace a package that is already there, and make one whose quantised form is beyond the thresholds. */
  readonly force?: boolean
  /** Absent: weights stay as they are. */
  readonly quantise?: QuantiseOptions | undefined
  readonly thresholds?: Thresholds
  /** Write the weights as the native runtime reads them as well; absent: of a package that is quantised here, where that can be. */
  readonly packed?: boolean | undefined
  /** Where the folder came from, when it was fetched for this import alone: then its files may be shared with the package. */
  readonly fetchedFrom?: { readonly id: string; readonly revision: string }
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (progress: ImportProgress) => void
  readonly now?: () => Date
  /** Bytes that may be written at a place. */
  readonly freeBytes?: (place: string) => Promise<number>
}

export interface ImportProgress {
  readonly doneBytes: number
  readonly totalBytes: number
  /** The file that is being taken, or what is done instead. */
  readonly file: string
}

export interface ImportResult extends StoredPackage {
  readonly remarks: readonly string[]
  /** Whether the very package was there before. */
  readonly wasThere: boolean
}

/** For aerie.json and what file systems keep for themselves. */
const SPARE_BYTES = 64 * 2 ** 20

/**
 * Rejects with `invalid_package` for a checkpoint that cannot be served, `insufficient_storage`, the signal's reason, or the
 * system's own errors. What was done is kept for the next attempt; nothing has the package's name before it is whole.
 */
export async function importCheckpoint(
  checkpoint: string,
  options: ImportOptions,
): Promise<ImportResult> {
  const source = resolve(checkpoint)
  await refuseImported(source, options)
  const form = await checkpointForm(source)
  if (await isModelFile(form.path)) refuseQuantising(options.quantise)
  if ((await form.config()).speech) refuseSpeech(options.quantise)
  const examination = await examine(form)
  const packing = await choosePacking(form, options)
  options.signal?.throwIfAborted()
  const origin = await originOf(source, options)
  const place = options.out
    ? `${resolve(options.out)}.partial`
    : join(resolve(options.modelsDir), `${origin.name}-${keyOf(source)}.partial`)
  const key = identity(source, examination, { ...options, packed: packing.isWanted })
  const workplace = await openWorkplace(place, key)
  try {
    const left: { readonly bytes: number }[] = examination.files.filter(
      ({ path }) => !workplace.finished.has(path),
    )
    if (packing.isWanted && !workplace.finished.has(PACKED_FILE))
      left.push({ bytes: await mostPackedBytes(form.path, await form.config(), options.quantise) })
    await checkFreeSpace(place, left, options)
    const totalBytes = examination.files.reduce((sum, { bytes }) => sum + bytes, 0)
    await using quantiser =
      options.quantise &&
      (await ModelQuantiser.open(source, {
        ...options.quantise,
        scratch: place,
        identity: key,
        signal: options.signal,
        ...(options.thresholds && { thresholds: options.thresholds }),
        onPhase: (file) => options.onProgress?.({ doneBytes: 0, totalBytes, file }),
      }))
    const files = await takeFiles(examination, workplace, quantiser, options)
    const quantised = quantiser && (await measured(quantiser, workplace, options))
    const packed = packing.isWanted ? await takePacked(workplace, options) : undefined
    const manifest = describe({ examination, quantised, files, packed, origin }, options)
    const result = await commit(workplace, manifest, options)
    await workplace.remove()
    return { ...result, remarks: [...examination.remarks, ...packing.remarks] }
  } catch (error) {
    await workplace.release()
    throw error
  }
}

/** For a GGUF file. Throws `invalid_config`. */
export function refuseQuantising(quantise: QuantiseOptions | undefined): void {
  if (!quantise) return
  throw new AerieError(
    'invalid_config',
    `--quantize: a GGUF file is kept in the form that it has, expected none, got ${quantise.method}`,
  )
}

/** What quantising loses is measured with conversations, or with pictures. */
function refuseSpeech(quantise: QuantiseOptions | undefined): void {
  if (!quantise) return
  throw new AerieError(
    'invalid_config',
    `--quantize: nothing measures what a speech model loses by it yet, expected none, got ${quantise.method}`,
  )
}

interface Origin extends Pick<Manifest, 'name'>, Pick<Manifest['parent'], 'kind' | 'id'> {
  readonly revision?: string
}

async function originOf(source: string, { fetchedFrom }: ImportOptions): Promise<Origin> {
  if (fetchedFrom) return { kind: 'hub', ...fetchedFrom, name: servedName(fetchedFrom.id) }
  return {
    kind: (await isModelFile(source)) ? 'file' : 'folder',
    id: basename(source),
    name: servedName(await checkpointName(source)),
  }
}

async function refuseImported(directory: string, { out, force }: ImportOptions): Promise<void> {
  if (await readManifest(directory)) {
    throw new AerieError('invalid_package', `${directory} is a package already; serve it as it is`)
  }
  if (out === undefined || !(await isThere(resolve(out)))) return
  const old = await readManifest(resolve(out))
  if (force && old) return
  throw new AerieError(
    'invalid_config',
    old
      ? `--out ${out} is a package already; --force replaces it`
      : `--out ${out} is there and no package; expected a new folder`,
  )
}

/** Every file with its size and time: when one of them changes, an import does not go on where it was. */
function identity(
  directory: string,
  { files }: Examination,
  { quantise, thresholds, packed }: ImportOptions,
): string {
  const form = [JSON.stringify({ ...quantise, thresholds, packed })]
  const lines = files.map(({ path, bytes, changed }) => `${path} ${bytes} ${changed}`)
  return createHash('sha256')
    .update([directory, ...form, ...lines].join('\n'))
    .digest('hex')
}

function keyOf(directory: string): string {
  return createHash('sha256').update(directory).digest('hex').slice(0, 8)
}

/** `left` is what has yet to be written. */
async function checkFreeSpace(
  place: string,
  left: readonly { readonly bytes: number }[],
  { freeBytes = freeBytesAt }: ImportOptions,
): Promise<void> {
  const needed = left.reduce((sum, { bytes }) => sum + bytes, SPARE_BYTES)
  const free = await freeBytes(place)
  if (free < needed) throw tooLittleRoom(place, needed, free)
}

async function takeFiles(
  { files }: Examination,
  workplace: Workplace,
  quantiser: ModelQuantiser | undefined,
  options: ImportOptions,
): Promise<PackageFile[]> {
  const { signal, onProgress, fetchedFrom } = options
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const taken: PackageFile[] = []
  let doneBytes = 0
  await using taker = new FileTaker()
  for (const { path, source, bytes, tensors } of files) {
    signal?.throwIfAborted()
    let result = workplace.finished.get(path)
    if (result) doneBytes += bytes
    else {
      const target = join(workplace.packageDir, path)
      await mkdir(dirname(target), { recursive: true })
      onProgress?.({ doneBytes, totalBytes, file: path })
      const watched = {
        signal,
        onBytes: (more: number) => {
          doneBytes += more
          onProgress?.({ doneBytes, totalBytes, file: path })
        },
      }
      const isChanged = quantiser?.changes(path) ?? false
      result =
        quantiser && isChanged
          ? await quantiser.write(path, target, watched)
          : await taker.take(
              { source, target, tensors, isOurs: fetchedFrom !== undefined },
              watched,
            )
      if (!isChanged && result.bytes !== bytes) {
        throw new AerieError('invalid_package', `${source} changed while it was read`)
      }
      await chmod(target, 0o444)
      await workplace.finish(path, result)
    }
    taken.push({ path, ...result })
  }
  return taken
}

interface Quantised extends Pick<Manifest, 'parts' | 'tensors'> {
  readonly quantization: Quantization
}

/** What the package holds now, and how far it is from the checkpoint. Throws `invalid_package` when that is too far. */
async function measured(
  quantiser: ModelQuantiser,
  { packageDir }: Workplace,
  { force = false }: ImportOptions,
): Promise<Quantised> {
  const { quantization, beyond } = await quantiser.measure(packageDir)
  if (beyond.length > 0 && !force) {
    throw new AerieError(
      'invalid_package',
      `quantised, the model is too far from what it was: ${beyond.join('; ')}. ` +
        'A larger form (int8, then int4, each with --group 32) is closer; --force makes the package nevertheless',
    )
  }
  const form = await checkpointForm(packageDir)
  const { parts, tensors } = await form.weights(await form.config())
  return {
    parts: [...parts],
    tensors: [...tensors],
    quantization: beyond.length > 0 ? { ...quantization, forced: beyond } : quantization,
  }
}

/** Writes the packed weights, unless an earlier attempt did. */
async function takePacked(workplace: Workplace, options: ImportOptions): Promise<Packed> {
  const { packageDir, finished } = workplace
  const target = join(packageDir, PACKED_FILE)
  let taken = finished.get(PACKED_FILE)
  if (!taken) {
    const { path } = await checkpointForm(packageDir)
    const { signal, onProgress } = options
    taken = await writePacked(target, path, {
      signal,
      onBlock: (done, all) =>
        onProgress?.({ doneBytes: done, totalBytes: all, file: 'packing the weights' }),
    })
    await chmod(target, 0o444)
    await workplace.finish(PACKED_FILE, taken)
  }
  return { file: { path: PACKED_FILE, ...taken }, facts: await packedFacts(target) }
}

interface Packed {
  readonly file: PackageFile
  readonly facts: NonNullable<Manifest['packed']>
}

interface Described {
  readonly examination: Examination
  readonly quantised: Quantised | undefined
  readonly files: readonly PackageFile[]
  readonly packed: Packed | undefined
  readonly origin: Origin
}

function describe(
  { examination: { facts }, quantised, files, packed, origin: { name, ...parent } }: Described,
  { quantise, now = () => new Date() }: ImportOptions,
): Manifest {
  const source = createHash('sha256')
  for (const { path, sha256 } of files) source.update(`${path}\n${sha256}\n`)
  return sealManifest({
    format: FORMAT,
    name,
    quantize: quantise?.method ?? 'none',
    created: now().toISOString(),
    parent: { ...parent, digest: source.digest('hex') },
    ...facts,
    ...quantised,
    ...(packed && { packed: packed.facts }),
    files: [...files, ...(packed ? [packed.file] : [])],
  })
}

/** The rename is what makes a package. */
async function commit(
  workplace: Workplace,
  manifest: Manifest,
  { modelsDir, out, force }: ImportOptions,
): Promise<StoredPackage & { wasThere: boolean }> {
  const directory = out ? resolve(out) : packageFolder(resolve(modelsDir), manifest)
  const old = (await isThere(directory)) ? await readManifest(directory) : undefined
  if (old?.digest === manifest.digest && !force) {
    return { directory, manifest: old, wasThere: true }
  }
  const path = join(workplace.packageDir, MANIFEST_FILE)
  await rm(path, { force: true })
  await writeFile(path, `${JSON.stringify(manifest, undefined, 1)}\n`, { mode: 0o444, flush: true })
  await mkdir(dirname(directory), { recursive: true })
  if (old) {
    const aside = `${directory}.old-${process.pid}`
    await rename(directory, aside)
    await rename(workplace.packageDir, directory)
    await rm(aside, { recursive: true, force: true })
  } else await rename(workplace.packageDir, directory)
  return { directory, manifest, wasThere: false }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
