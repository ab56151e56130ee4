/** Small starter checkpoints with random weights, and the recorded case that PyTorch computed. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { family } from '../../models/aerie_starter.ts'
import type { Weight } from '../../models/graph/graph.ts'
import { readPixels } from '../../src/parity/read-picture.ts'
import { readSafetensors, type TensorToWrite, writeSafetensors } from './safetensors-file.ts'
import { seededRandom } from './seeded-random.ts'

export const STARTER_CASE = resolve(import.meta.dirname, '../fixtures/starter')
/** The small checkpoint of the recorded case. */
export const STARTER_CHECKPOINT = join(STARTER_CASE, 'checkpoint')

/** The parsed config.json of the recorded case; a fresh copy. */
export function starterConfig(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(STARTER_CHECKPOINT, 'config.json'), 'utf8'))
}

export interface RecordedCase {
  readonly textIds: readonly number[]
  readonly generatedIds: readonly number[]
  /** Stage name → values in row-major order. */
  readonly stages: ReadonlyMap<string, Float32Array>
}

/** What the PyTorch model computed for `test/fixtures/starter`; its pixels, which are kept in part, made of the picture again. */
export async function readRecordedCase(): Promise<RecordedCase> {
  const recorded = JSON.parse(readFileSync(join(STARTER_CASE, 'expected.json'), 'utf8'))
  const stages = readSafetensors(join(STARTER_CASE, 'expected.safetensors'))
  const to = family.imagePreprocessing!(family.parseConfig(starterConfig()))
  stages.set('pixels', await readPixels([join(STARTER_CASE, recorded.input)], to))
  return { textIds: recorded.text_ids, generatedIds: recorded.generated_ids, stages }
}

/** The initialisers of a starter config's graphs, each once. */
export function starterWeights(config: unknown): Weight[] {
  const { encoder, decoder } = family.graphs(family.parseConfig(config))
  const weights = [...(encoder?.weights ?? []), ...(decoder?.weights ?? [])]
  return [...new Map(weights.map((weight) => [weight.name, weight])).values()]
}

/** Writes a folder with the recorded case's config and random weights; the caller removes it. */
export function writeRandomCheckpoint(options: {
  seed: number
  dtype?: 'F32' | 'F16' | 'BF16'
}): string {
  const folder = mkdtempSync(join(tmpdir(), 'aerie-checkpoint-'))
  const config = starterConfig()
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  const random = seededRandom(options.seed)
  const tensors: Record<string, TensorToWrite> = {}
  for (const { name, shape } of starterWeights(config)) {
    const size = shape.reduce((product, extent) => product * extent, 1)
    // Gains stay near one; matrices keep the variance of what passes through them.
    const isGain = shape.length === 1 && name.endsWith('weight')
    const scale = isGain ? 0.1 : 1.5 / Math.sqrt(shape.length === 1 ? 16 : size / shape[0]!)
    const values = Float32Array.from(
      { length: size },
      () => (isGain ? 1 : 0) + scale * (random() * 2 - 1),
    )
    tensors[name] = { shape, values, ...(options.dtype ? { dtype: options.dtype } : {}) }
  }
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}
