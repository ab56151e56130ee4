/** Looks at a whole checkpoint and tells what is in it, or what is wrong. Nothing of it is executed but its template. */
import type { EmbeddingTower, FamilyGraphs } from '../../models/family.ts'
import type { ElementType } from '../../models/graph/graph.ts'
import type { ModelConfig } from '../../models/load-config.ts'
import { bindModel, graphsOf } from '../engine/backends/model-files.ts'
import { AerieError } from '../errors.ts'
import type { Manifest, ManifestTensor, Part } from '../package/manifest.ts'
import { isBlockType } from '../weights/gguf-blocks.ts'
import { storedForm, storedParts } from '../weights/quantised.ts'
import type { WeightTensor } from '../weights/weights.ts'
import type { ScannedTensor } from './chunks.ts'
import type { SourceFile } from './survey.ts'
import { checkText, type TextFacts } from './text-check.ts'

/** What the manifest says about the model itself. */
export type ModelFacts = Pick<
  Manifest,
  | 'family'
  | 'parts'
  | 'preprocessing'
  | 'prompt'
  | 'tokenizer'
  | 'embeddings'
  | 'limits'
  | 'tensors'
> & { readonly license?: string }

/** Weights as they lie on the disk. */
export interface ExaminedWeights {
  readonly parts: readonly Part[]
  readonly tensors: readonly ManifestTensor[]
  readonly files: readonly (SourceFile & { readonly tensors: readonly ScannedTensor[] })[]
}

/** Each part rejects with `invalid_package`. */
export interface CheckpointForm {
  /** What a backend opens: the folder, or the file. */
  readonly path: string
  /** The small files that belong to it, by their paths in a package. */
  smallFiles(config: ModelConfig): Promise<SourceFile[]>
  config(): Promise<ModelConfig>
  weights(config: ModelConfig): Promise<ExaminedWeights>
  /** As the checkpoint itself says it. */
  license(): Promise<string | undefined>
}

/** What the runtimes read, by the type that the graph wants. */
const READABLE: Readonly<Record<ElementType, readonly string[]>> = {
  float32: ['F32', 'F16', 'BF16'],
  int32: ['I32', 'I64'],
}
const UNUSED = 'unused'

/**
 * Checks that every tensor of the graphs is there in the right shape and a type that can be read, and that none is left
 * over. Throws `invalid_package`.
 */
export function examineTensors(
  config: ModelConfig,
  tensors: readonly WeightTensor[],
  files: readonly SourceFile[],
): ExaminedWeights {
  const bound = bindModel(config, tensors)
  const weights = weightsByName(config.graphs)
  const partOf = new Map<WeightTensor, string>()
  for (const [initialiser, tensor] of bound) {
    const weight = weights.get(initialiser)
    if (!tensor.quantisation) requireReadable(tensor, weight?.type ?? 'float32')
    // The embedding table is looked up outside the graphs.
    partOf.set(tensor, weight?.part ?? 'decoder')
  }
  const byPath = new Map(files.map((file) => [file.source, file.path]))
  return {
    parts: summarise(tensors, partOf),
    tensors: tensors.flatMap((tensor) =>
      storedParts(tensor).map(({ name, dtype, shape, byteLength, path }) => ({
        name,
        part: partOf.get(tensor) ?? UNUSED,
        dtype,
        shape: [...shape],
        bytes: byteLength,
        file: byPath.get(path)!,
      })),
    ),
    files: files.map((file) => ({
      ...file,
      tensors: tensors
        .filter((tensor) => partOf.has(tensor))
        .flatMap(storedParts)
        .filter(({ path }) => path === file.source)
        .map(({ name, dtype, offset, byteLength }) => ({ name, dtype, offset, byteLength }))
        .sort((a, b) => a.offset - b.offset),
    })),
  }
}

function requireReadable({ name, dtype }: WeightTensor, type: ElementType): void {
  const readable = READABLE[type]
  if (readable.includes(dtype) || (type === 'float32' && isBlockType(dtype))) return
  throw new AerieError(
    'invalid_package',
    `tensor ${name} is of type ${dtype}, expected ${readable.slice(0, -1).join(', ')} or ${readable.at(-1)}`,
  )
}

export interface Examination {
  readonly facts: ModelFacts
  readonly remarks: readonly string[]
  /** Everything that a package is made of: small files first. */
  readonly files: readonly (SourceFile & { readonly tensors: readonly ScannedTensor[] })[]
}

/** The whole of it; throws `invalid_package` for the first thing that is wrong. */
export async function examine(form: CheckpointForm): Promise<Examination> {
  const config = await form.config()
  const small = await form.smallFiles(config)
  const weights = await form.weights(config)
  const text = await checkText(form.path)
  const license = await form.license()
  return {
    facts: {
      family: config.family.modelType,
      parts: [...weights.parts],
      preprocessing: config.preprocessing ? plain(config.preprocessing) : null,
      prompt: text?.prompt ?? null,
      tokenizer: text?.tokenizer ?? null,
      ...(config.embeddingTower && { embeddings: plain(towerFacts(config.embeddingTower)) }),
      limits: plain(config.limits),
      tensors: [...weights.tensors],
      ...(license === undefined ? {} : { license }),
    },
    remarks: text ? [...text.remarks, ...vocabularyRemarks(text, config)] : [],
    files: [...small.map((file) => ({ ...file, tensors: [] })), ...weights.files],
  }
}

/** What a tower that is published alone can be asked for, and at which sizes. */
export function towerFacts({
  outputs,
  nearest: _nearest,
  graph: _graph,
  ...sizes
}: EmbeddingTower): object {
  return { outputs: outputs.map(({ output: _output, ...facts }) => facts), ...sizes }
}

function vocabularyRemarks({ tokenizer }: TextFacts, { limits }: ModelConfig): string[] {
  return tokenizer.tokens > limits.vocabSize
    ? [`the tokenizer has ${tokenizer.tokens} tokens, the model embeds ${limits.vocabSize}`]
    : []
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
  tensors: readonly WeightTensor[],
  partOf: ReadonlyMap<WeightTensor, string>,
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
    const { dtype, byteLength } = storedForm(tensor)
    part.bytes += byteLength
    part.dtypes.set(dtype, (part.dtypes.get(dtype) ?? 0) + 1)
  }
  return [...parts].map(([name, part]) => ({
    name,
    ...part,
    dtypes: Object.fromEntries(part.dtypes),
  }))
}

/** As JSON would give it back. */
function plain<T>(value: object): T {
  return JSON.parse(JSON.stringify(value))
}
