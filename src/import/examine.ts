/** Looks at a whole checkpoint folder and tells what is in it, or what is wrong. Nothing of it is executed but its template. */
import { join } from 'node:path'
import type { FamilyGraphs } from '../../models/family.ts'
import type { ElementType } from '../../models/graph/graph.ts'
import { loadModelConfig, type ModelConfig } from '../../models/load-config.ts'
import { bindModel, graphsOf } from '../engine/backends/model-files.ts'
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, readText } from '../model-folder.ts'
import type { Manifest, ManifestTensor, Part } from '../package/manifest.ts'
import { Checkpoint, type StoredTensor, type WeightFile } from '../weights/checkpoint.ts'
import { storedParts } from '../weights/quantised.ts'
import type { ScannedTensor } from './chunks.ts'
import { refusePickles, type SourceFile, sourceFile, surveyFolder } from './survey.ts'
import { checkText, type TextFacts } from './text-check.ts'

/** What the manifest says about the model itself. */
export type ModelFacts = Pick<
  Manifest,
  'family' | 'parts' | 'preprocessing' | 'prompt' | 'tokenizer' | 'limits' | 'tensors'
> & { readonly license?: string }

/** Weights as they lie on the disk. */
export interface ExaminedWeights {
  readonly parts: readonly Part[]
  readonly tensors: readonly ManifestTensor[]
  readonly files: readonly (SourceFile & { readonly tensors: readonly ScannedTensor[] })[]
}

/** What the runtimes read, by the type that the graph wants. */
const READABLE: Readonly<Record<ElementType, readonly string[]>> = {
  float32: ['F32', 'F16', 'BF16'],
  int32: ['I32', 'I64'],
}
const UNUSED = 'unused'

/** Sub-folders that the family reads. */
export function familyFolders({ family }: ModelConfig): string[] {
  return [...(family.weightFolders ?? []), ...(family.textFolder ? [family.textFolder] : [])]
}

/**
 * Checks that every tensor of the graphs is there in the right shape and a type that can be read, and that none is left
 * over. Throws `invalid_package`.
 */
export async function examineWeights(
  directory: string,
  config: ModelConfig,
): Promise<ExaminedWeights> {
  await refusePickles(directory, config.family.weightFolders ?? [])
  const { weightFolders } = config.family
  await using checkpoint = weightFolders
    ? await Checkpoint.openParts(directory, weightFolders)
    : await Checkpoint.open(directory)
  const bound = bindModel(config, checkpoint.tensors.values())
  const weights = weightsByName(config.graphs)
  const partOf = new Map<StoredTensor, string>()
  // The embedding table is looked up outside the graphs.
  for (const [initialiser, tensor] of bound)
    partOf.set(tensor, weights.get(initialiser)?.part ?? 'decoder')
  for (const [initialiser, { name, dtype, quantisation }] of bound) {
    if (quantisation) continue
    const readable = READABLE[weights.get(initialiser)?.type ?? 'float32']
    if (readable.includes(dtype)) continue
    throw new AerieError(
      'invalid_package',
      `tensor ${name} is of type ${dtype}, expected ${readable.slice(0, -1).join(', ')} or ${readable.at(-1)}`,
    )
  }
  const byPath = new Map(checkpoint.files.map((file) => [file.path, file]))
  const all = [...checkpoint.tensors.values()]
  return {
    parts: summarise(all, partOf),
    tensors: all.flatMap((tensor) =>
      storedParts(tensor).map(({ name, dtype, shape, byteLength, path }) => ({
        name,
        part: partOf.get(tensor) ?? UNUSED,
        dtype,
        shape: [...shape],
        bytes: byteLength,
        file: byPath.get(path)!.name,
      })),
    ),
    files: await Promise.all(
      checkpoint.files.map((file) =>
        weightSource(
          directory,
          file,
          all.filter((tensor) => tensor.path === file.path && partOf.has(tensor)),
        ),
      ),
    ),
  }
}

export interface Examination {
  readonly facts: ModelFacts
  readonly remarks: readonly string[]
  /** Everything that a package is made of: small files first. */
  readonly files: readonly (SourceFile & { readonly tensors: readonly ScannedTensor[] })[]
}

/** The whole of it; throws `invalid_package` for the first thing that is wrong. */
export async function examineFolder(directory: string): Promise<Examination> {
  const config = await loadModelConfig(directory)
  const small = await surveyFolder(directory, familyFolders(config))
  const weights = await examineWeights(directory, config)
  const text = await checkText(directory)
  const license = await readLicense(directory)
  return {
    facts: {
      family: config.family.modelType,
      parts: [...weights.parts],
      preprocessing: config.preprocessing ? plain(config.preprocessing) : null,
      prompt: text.prompt,
      tokenizer: text.tokenizer,
      limits: plain(config.limits),
      tensors: [...weights.tensors],
      ...(license === undefined ? {} : { license }),
    },
    remarks: [...text.remarks, ...vocabularyRemarks(text, config)],
    files: [...small.map((file) => ({ ...file, tensors: [] })), ...weights.files],
  }
}

function vocabularyRemarks({ tokenizer }: TextFacts, { limits }: ModelConfig): string[] {
  return tokenizer.tokens > limits.vocabSize
    ? [`the tokenizer has ${tokenizer.tokens} tokens, the model embeds ${limits.vocabSize}`]
    : []
}

/** `license:` at the head of the folder's own card; undefined when it does not say. */
export async function readLicense(directory: string): Promise<string | undefined> {
  const card = await readText(directory, 'README.md', FILE_LIMITS.vocabulary)
  const head = /^---\r?\n([\s\S]{0,65536}?)\r?\n---/.exec(card ?? '')?.[1]
  const name = /^license:[ \t]*["']?([\w.+-]{1,100})["']?[ \t]*\r?$/m.exec(head ?? '')?.[1]
  // Cards with a licence of their own give its name beside it.
  const own = /^license_name:[ \t]*["']?([\w .+-]{1,100}?)["']?[ \t]*\r?$/m.exec(head ?? '')?.[1]
  return name === 'other' ? (own ?? name) : name
}

/** Initialiser → its graph's name, and the type that it has there. */
function weightsByName(graphs: FamilyGraphs): Map<string, { part: string; type: ElementType }> {
  return new Map(
    [...graphsOf(graphs)].flatMap(([part, { weights }]) =>
      weights.map(({ name, type }) => [name, { part, type }]),
    ),
  )
}

function summarise(
  tensors: readonly StoredTensor[],
  partOf: ReadonlyMap<StoredTensor, string>,
): Part[] {
  const parts = new Map<
    string,
    { parameters: number; bytes: number; dtypes: Map<string, number> }
  >()
  for (const tensor of tensors) {
    const name = partOf.get(tensor) ?? UNUSED
    const part = parts.get(name) ?? { parameters: 0, bytes: 0, dtypes: new Map() }
    parts.set(name, part)
    part.parameters += tensor.shape.reduce((product, extent) => product * extent, 1)
    for (const { byteLength } of storedParts(tensor)) part.bytes += byteLength
    const dtype = tensor.quantisation ? `INT${tensor.quantisation.bits}` : tensor.dtype
    part.dtypes.set(dtype, (part.dtypes.get(dtype) ?? 0) + 1)
  }
  return [...parts].map(([name, part]) => ({
    name,
    ...part,
    dtypes: Object.fromEntries(part.dtypes),
  }))
}

async function weightSource(
  directory: string,
  { name }: WeightFile,
  scanned: readonly StoredTensor[],
): Promise<Examination['files'][number]> {
  const file = await sourceFile(directory, name)
  if (!file) throw new AerieError('invalid_package', `${join(directory, name)} is gone`)
  return {
    ...file,
    tensors: scanned
      .map(({ name, dtype, offset, byteLength }) => ({ name, dtype, offset, byteLength }))
      .sort((a, b) => a.offset - b.offset),
  }
}

/** As JSON would give it back. */
function plain<T>(value: object): T {
  return JSON.parse(JSON.stringify(value))
}
