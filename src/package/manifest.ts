/** `aerie.json`: what a package is and holds. Everything in it but the date is under its digest. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { AerieError } from '../errors.ts'
import { isJsonObject, readJson } from '../model-folder.ts'

export const MANIFEST_FILE = 'aerie.json'
/** Raised when a reader of the version before would misread a package. */
export const FORMAT = 1

/** A line a tensor: the largest published checkpoints stay below a third of it. */
const MOST_BYTES = 64 * 2 ** 20
const MOST_FILES = 100_000

const Size = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Name = Type.String({ minLength: 1, maxLength: 512 })
const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' })
/** Never absolute, and no segment begins with a dot. */
const FilePath = Type.String({
  pattern: '^[\\w-][\\w.-]*(?:/[\\w-][\\w.-]*){0,8}$',
  maxLength: 512,
})
const Facts = Type.Record(Type.String(), Type.Unknown())

const ParentSchema = Type.Object({
  kind: Type.Union([Type.Literal('folder'), Type.Literal('file'), Type.Literal('hub')]),
  /** The folder's or file's own name, `owner/name`, or `owner/name:file` for a GGUF file of a repository. */
  id: Name,
  /** Commit of the hub's repository. */
  revision: Type.Optional(Type.String({ pattern: '^[0-9a-f]{40}$' })),
  /** SHA-256 over path and SHA-256 of every file that was taken. */
  digest: Digest,
})

const PartSchema = Type.Object({
  /** `encoder`, `decoder`, or `unused` for tensors that published checkpoints carry and nobody reads. */
  name: Name,
  parameters: Size,
  bytes: Size,
  /** Dtype → number of tensors. */
  dtypes: Type.Record(Type.String(), Size),
})

const TensorSchema = Type.Object({
  name: Type.String({ maxLength: 1024 }),
  part: Name,
  dtype: Name,
  shape: Type.Array(Size, { maxItems: 16 }),
  bytes: Size,
  file: FilePath,
})

const FileSchema = Type.Object({ path: FilePath, bytes: Size, sha256: Digest })

const TokenSchema = Type.Object({ text: Type.String({ maxLength: 512 }), id: Size })

/** Of the file of packed weights, see `import/packed-file.ts`. */
const PackedSchema = Type.Object({
  /** Of the form of its blocks. */
  version: Size,
  blocks: Size,
  bytes: Size,
  /** Blocks of which two values of four are kept; absent where there are none. */
  sparse24: Type.Optional(Size),
})

const Measure = Type.Number()

/** How far the quantised model is from the same checkpoint before, on the shipped calibration prompts and pictures. */
const MeasuredSchema = Type.Object({
  /** Absent without a decoder. */
  decoder: Type.Optional(
    Type.Object({
      prompts: Size,
      positions: Size,
      /** KL(before ‖ quantised) in nats a position. */
      klMean: Measure,
      klLargest: Measure,
      /** Share of positions with the same likeliest token. */
      top1: Measure,
    }),
  ),
  /** Cosines of feature vectors, one a token; `features` is what the projector makes of all towers. */
  towers: Type.Array(
    Type.Object({ name: Name, vectors: Size, cosineMean: Measure, cosineLeast: Measure }),
    { maxItems: 64 },
  ),
})

const QuantizationSchema = Type.Object({
  /** How the groups of the decoder were rounded; towers are rounded to the nearest. */
  method: Type.Union([Type.Literal('round-to-nearest'), Type.Literal('gptq')]),
  /** Of most of the decoder's linear layers; with `int4` its embedding, its head and those that bear least have 8. */
  bits: Type.Union([Type.Literal(4), Type.Literal(8)]),
  /** Elements of a row that share a scale; where that does not divide a width, fewer. */
  group: Size,
  /** Of all that a step of the decoder multiplies with, scales and the like too. */
  bitsPerWeight: Type.Optional(Measure),
  parts: Type.Array(
    Type.Object({
      name: Name,
      form: Type.Union([Type.Literal('groups'), Type.Literal('rows'), Type.Literal('none')]),
      /** Quantised ones. */
      tensors: Size,
      /** Why a part stayed as it was. */
      reason: Type.Optional(Type.String({ maxLength: 400 })),
    }),
    { maxItems: 64 },
  ),
  measured: MeasuredSchema,
  thresholds: Type.Record(Type.String(), Type.Number()),
  /** What is beyond the thresholds, of a package that was made with --force nevertheless. */
  forced: Type.Optional(Type.Array(Type.String({ maxLength: 400 }), { maxItems: 16 })),
})

export const manifestSchema = Type.Object({
  format: Type.Literal(FORMAT),
  digest: Digest,
  /** The name under which the model is served. */
  name: Type.String({ pattern: '^[\\w-][\\w.-]{0,127}$' }),
  /** `model_type` of its family. */
  family: Name,
  quantize: Type.Union([
    Type.Literal('none'),
    Type.Literal('int8'),
    Type.Literal('int4'),
    Type.Literal('int4-pure'),
  ]),
  /** Of a quantised package alone. */
  quantization: Type.Optional(QuantizationSchema),
  /** ISO 8601; not under the digest, so that a second import of the same gives the same package. */
  created: Type.String({ maxLength: 40 }),
  parent: ParentSchema,
  /** As the checkpoint's own card says it. */
  license: Type.Optional(Type.String({ maxLength: 200 })),
  parts: Type.Array(PartSchema, { maxItems: 64 }),
  /** Null for text models. */
  preprocessing: Type.Union([Type.Null(), Facts]),
  /** Null for a tower that is published alone. */
  prompt: Type.Union([
    Type.Null(),
    Type.Object({
      /** `family`: written in code, by that name; else the file that it stands in, or its key in a GGUF file. */
      source: Name,
      template: Type.Optional(Name),
    }),
  ]),
  /** Null for a tower that is published alone. */
  tokenizer: Type.Union([
    Type.Null(),
    Type.Object({
      source: Name,
      tokens: Size,
      /** By what they stand for, such as `eos_token`. */
      special: Type.Record(Type.String(), TokenSchema),
      /** Ids that end an answer. */
      stop: Type.Array(Size, { maxItems: 1000 }),
    }),
  ]),
  /** Of a tower that is published alone: its outputs and sizes. */
  embeddings: Type.Optional(Facts),
  limits: Type.Record(Type.String(), Type.Number()),
  /** Weights as the native runtime reads them, beside those that every backend reads; absent: none. */
  packed: Type.Optional(PackedSchema),
  tensors: Type.Array(TensorSchema),
  files: Type.Array(FileSchema, { minItems: 1, maxItems: MOST_FILES }),
})

export type Manifest = Readonly<Static<typeof manifestSchema>>
export type PackageFile = Readonly<Static<typeof FileSchema>>
export type ManifestTensor = Readonly<Static<typeof TensorSchema>>
export type Part = Readonly<Static<typeof PartSchema>>
export type Quantization = Readonly<Static<typeof QuantizationSchema>>
export type Parent = Readonly<Static<typeof ParentSchema>>

/** The manifest of a folder; undefined when it is no package. Throws `invalid_package` for one that was changed. */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  const value = await readJson(directory, MANIFEST_FILE, MOST_BYTES)
  return value === undefined ? undefined : parseManifest(value, join(directory, MANIFEST_FILE))
}

/** Checks everything that can be known from the text alone. `where` begins the messages. Throws `invalid_package`. */
export function parseManifest(value: unknown, where: string): Manifest {
  const format = isJsonObject(value) ? value['format'] : undefined
  if (format !== FORMAT) {
    const came = typeof format === 'number' ? format : 'none'
    throw invalid(`${where}: format: expected ${FORMAT}, got ${came}; import the checkpoint again`)
  }
  if (!Value.Check(manifestSchema, value)) {
    const [error] = Value.Errors(manifestSchema, value)
    throw invalid(
      `${where}: ${error?.instancePath ?? ''} ${error?.message ?? 'is not as expected'}`,
    )
  }
  const paths = new Set<string>()
  for (const { path } of value.files) {
    if (path === MANIFEST_FILE || paths.has(path)) throw invalid(`${where}: files: ${path} twice`)
    paths.add(path)
  }
  const digest = digestOf(value)
  if (digest !== value.digest) {
    throw invalid(`${where} was changed: its digest is ${digest}, expected ${value.digest}`)
  }
  return value
}

/** Gives a manifest its digest. */
export function sealManifest(manifest: Omit<Manifest, 'digest'>): Manifest {
  return { ...manifest, digest: digestOf(manifest) }
}

/** SHA-256 over the JSON with sorted keys, without the date and the digest itself. */
function digestOf(manifest: Readonly<Record<string, unknown>>): string {
  const { digest: _digest, created: _created, ...facts } = manifest
  return createHash('sha256')
    .update(JSON.stringify(sorted(facts)))
    .digest('hex')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isJsonObject(value)) return value
  // Null prototype: a key may have any name.
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value).sort()) copy[key] = sorted(value[key])
  return copy
}

function invalid(message: string): AerieError {
  return new AerieError('invalid_package', message)
}
