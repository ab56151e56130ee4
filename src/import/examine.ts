/** Looks at a whole checkpoint folder and tells what is in it, or what is wrong. Nothing of it is executed but its template. */
import { join } from 'node:path'
import type { FamilyGraphs } from '../../models/family.ts'
import type { Graph } from '../../models/graph/graph.ts'
import { loadModelConfig, type ModelConfig } from '../../models/load-config.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, readText } from '../model-folder.ts'
import type { Manifest, ManifestTensor, Part } from '../package/manifest.ts'
import type { StoredTensor, WeightFile } from '../weights/checkpoint.ts'
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

/** What the runtimes read. */
const FLOATS: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16'])
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
  const { checkpoint, tensors: bound, graphs } = await openModelFiles(directory)
  await using _ = checkpoint
  const partOf = new Map<StoredTensor, string>()
  const owners = graphNames(graphs)
  // The embedding table is looked up outside the graphs.
  for (const [initialiser, tensor] of bound)
    partOf.set(tensor, owners.get(initialiser) ?? 'decoder')
  const wrong = [...bound.values()].find(({ dtype }) => !FLOATS.has(dtype))
  if (wrong) {
    throw new AerieError(
      'invalid_package',
      `tensor ${wrong.name} is of type ${wrong.dtype}, expected F32, F16 or BF16`,
    )
  }
  const byPath = new Map(checkpoint.files.map((file) => [file.path, file]))
  const all = [...checkpoint.tensors.values()]
  return {
    parts: summarise(all, partOf),
    tensors: all.map((tensor) => ({
      name: tensor.name,
      part: partOf.get(tensor) ?? UNUSED,
      dtype: tensor.dtype,
      shape: [...tensor.shape],
      bytes: tensor.byteLength,
      file: byPath.get(tensor.path)!.name,
    })),
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

/** Initialiser → name of its graph. */
function graphNames(graphs: FamilyGraphs): Map<string, string> {
  return new Map(
    Object.entries(graphs).flatMap(([name, graph]: [string, Graph | undefined]) =>
      (graph?.weights ?? []).map((weight) => [weight.name, name]),
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
    part.bytes += tensor.byteLength
    part.dtypes.set(tensor.dtype, (part.dtypes.get(tensor.dtype) ?? 0) + 1)
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
