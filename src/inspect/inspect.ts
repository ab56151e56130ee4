/** Tells what a folder or file holds, checkpoint or package, and everything that is wrong with it. */
import { resolve } from 'node:path'
import type { ModelConfig } from '../../models/load-config.ts'
import { familyParity, type ParityRecord } from '../capabilities/parity.ts'
import { AerieError } from '../errors.ts'
import { checkpointForm, checkpointName } from '../import/checkpoint-form.ts'
import { towerFacts } from '../import/examine.ts'
import { checkText } from '../import/text-check.ts'
import { type Manifest, type Part, readManifest } from '../package/manifest.ts'
import { verifyPackage } from '../package/verify.ts'

export interface Inspection {
  readonly kind: 'package' | 'checkpoint'
  /** Or the path of the one file. */
  readonly directory: string
  readonly name: string
  /** Of a package alone. */
  readonly package?: Pick<
    Manifest,
    'digest' | 'created' | 'parent' | 'quantize' | 'quantization' | 'packed'
  >
  readonly family?: string
  readonly license?: string
  readonly parts?: readonly Part[]
  readonly prompt?: Manifest['prompt']
  readonly tokenizer?: Manifest['tokenizer']
  readonly preprocessing?: Manifest['preprocessing']
  readonly embeddings?: Manifest['embeddings']
  readonly limits?: Manifest['limits']
  /** As measured for the family on ONNX Runtime; null where nothing was. */
  readonly parity?: ParityRecord | null
  readonly files?: readonly { readonly path: string; readonly bytes: number }[]
  /** Each stops the model from being served. */
  readonly problems: readonly string[]
  /** Odd, and no harm. */
  readonly remarks: readonly string[]
}

export interface InspectOptions {
  /** Hash the files of a package. */
  readonly verify: boolean
  readonly signal?: AbortSignal
}

/** Never rejects for what is wrong with the model; that is in `problems`. */
export async function inspectModel(path: string, options: InspectOptions): Promise<Inspection> {
  const directory = resolve(path)
  const problems: string[] = []
  const manifest = await attempt(problems, () => readManifest(directory))
  const isPackage = manifest !== undefined || problems.length > 0
  const found = isPackage
    ? manifest && (await packageFacts(directory, manifest, { ...options, problems }))
    : await checkpointFacts(directory, problems)
  const parity = found?.family === undefined ? undefined : await measuredParity(found)
  return {
    kind: isPackage ? 'package' : 'checkpoint',
    directory,
    name: manifest?.name ?? (await checkpointName(directory)),
    remarks: [],
    ...found,
    ...(parity === undefined ? {} : { parity }),
    problems,
  }
}

/** Cases are of float32; quantised weights have numbers of their own. */
async function measuredParity({ family, package: made }: Found): Promise<ParityRecord | null> {
  if (made && made.quantize !== 'none') return null
  return (await familyParity(family!, 'onnx')) ?? null
}

type Found = Partial<Omit<Inspection, 'kind' | 'directory' | 'name' | 'problems'>>

async function packageFacts(
  directory: string,
  manifest: Manifest,
  { verify, problems, signal }: InspectOptions & { readonly problems: string[] },
): Promise<Found> {
  // The notes of earlier times are not looked at: without `verify`, sizes alone are.
  await attempt(problems, () =>
    verifyPackage(directory, manifest, {
      hash: verify ? 'everything' : 'nothing',
      ...(signal ? { signal } : {}),
    }),
  )
  const {
    digest,
    created,
    parent,
    quantize,
    quantization,
    packed,
    tensors: _tensors,
    files,
    ...facts
  } = manifest
  return {
    ...facts,
    package: {
      digest,
      created,
      parent,
      quantize,
      ...(quantization && { quantization }),
      ...(packed && { packed }),
    },
    files: files.map(({ path, bytes }) => ({ path, bytes })),
  }
}

async function checkpointFacts(directory: string, problems: string[]): Promise<Found> {
  const form = await attempt(problems, () => checkpointForm(directory))
  const config = form && (await attempt(problems, () => form.config()))
  if (config === undefined) return {}
  const small = await attempt(problems, () => form!.smallFiles(config))
  const weights = await attempt(problems, () => form!.weights(config))
  const text = await attempt(problems, () => checkText(form!.path))
  const license = await attempt(problems, () => form!.license())
  const files = [...(small ?? []), ...(weights?.files ?? [])]
  return {
    ...ofConfig(config),
    files: files.map(({ path, bytes }) => ({ path, bytes })),
    remarks: text?.remarks ?? [],
    ...(license === undefined ? {} : { license }),
    ...(weights && { parts: weights.parts }),
    ...(text && { prompt: text.prompt, tokenizer: text.tokenizer }),
    ...(config.embeddingTower && { embeddings: { ...towerFacts(config.embeddingTower) } }),
  }
}

function ofConfig({ family, preprocessing, limits }: ModelConfig): Found {
  return {
    family: family.modelType,
    preprocessing: preprocessing === undefined ? null : { ...preprocessing },
    limits: { ...limits },
  }
}

/** The result, or undefined and one problem more. */
async function attempt<T>(problems: string[], action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    if (!(error instanceof AerieError)) throw error
    problems.push(error.message)
    return undefined
  }
}
