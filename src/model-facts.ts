/** What a model's document says of it before any of it runs: where it is from, what it holds, what was measured. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { CapabilityDocument } from './capabilities/document.ts'
import { expertsOf } from './capabilities/experts.ts'
import { familyParity } from './capabilities/parity.ts'
import { digestModel } from './chat/model.ts'
import type { KvCacheType } from './engine/backend.ts'
import { readLicense } from './import/license.ts'
import type { LocatedModel } from './import/locate-model.ts'
import { isModelFile } from './model-file.ts'
import { type ComputedForm, computedAs } from './weights/computed-form.ts'
import type { ModelSource } from './weights/model-source.ts'

/** A model that was found and looked at; nothing of it runs yet. */
export interface FoundModel extends LocatedModel, ModelSource {}

/** The part of the document that is the same for every kind of model. */
export type ModelFacts = Omit<
  CapabilityDocument,
  'inputModalities' | 'outputModalities' | 'chat' | 'embeddings' | 'imageTokens' | 'limits'
>

const VERSION: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version

/**
 * Reads every byte of a checkpoint without a digest of its own. `kvCacheType` is what keys and values are kept as, of a model
 * that has them. Rejects with `invalid_package`.
 */
export async function factsOf(
  found: FoundModel,
  backend: string,
  kvCacheType: KvCacheType = 'f32',
): Promise<ModelFacts> {
  const { directory, name, manifest, model } = found
  const family = model.family.modelType
  const folder = manifest
    ? { digest: manifest.digest, created: Math.floor(Date.parse(manifest.created) / 1000) }
    : await digestModel(directory, model.family.weightFolders, model.configFiles)
  const survey = await found.survey()
  const { parameters, bytes, dtypes } = survey
  const computed = computedAs(survey, backend)
  // Cases are of float32 through and through; quantised weights have measurements of their own.
  const isOfCases = computed === 'float32' && kvCacheType === 'f32' && !survey.isQuantised
  return {
    id: name,
    ...folder,
    ownedBy: 'aerie',
    family,
    experts: expertsOf(model.family, [name, manifest?.parent.id ?? name]),
    weights: { parameters, bytes, dtypes, computedAs: computed },
    backend,
    parity: isOfCases ? await familyParity(family, backend) : undefined,
    quantization: manifest?.quantization,
    license: manifest ? manifest.license : await licenseOf(directory),
    parent: manifest?.parent,
    systemFingerprint: fingerprint(folder.digest, backend, kvCacheType),
  }
}

/** What a backend multiplies in the linear layers of a model that was found. Rejects with `invalid_package`. */
export async function computedForm(
  found: Pick<FoundModel, 'survey'>,
  backend: string,
): Promise<ComputedForm> {
  return computedAs(await found.survey(), backend)
}

/** A GGUF file has no card beside it. */
async function licenseOf(directory: string): Promise<string | undefined> {
  return (await isModelFile(directory)) ? undefined : await readLicense(directory)
}

/** Changes whenever the weights, the backend, the form of keys and values or the server's version do. */
function fingerprint(digest: string, backend: string, kvCacheType: KvCacheType): string {
  const runtime = kvCacheType === 'f32' ? backend : `${backend} ${kvCacheType}`
  const hash = createHash('sha256').update(`${VERSION}\n${runtime}\n${digest}`).digest('hex')
  return `fp_${hash.slice(0, 12)}`
}

/** What becomes of a GGUF file's weights. */
export function readingOf(backend: string): string {
  return backend === 'native'
    ? 'weights are computed with in the blocks that the file has'
    : 'weights are widened to floats, each to its exact value'
}
