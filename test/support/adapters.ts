/** Adapters for tests: those of the fixtures, and random ones for whatever model is at hand. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { adaptableLinears } from '../../models/graph/adaptable.ts'
import type { Graph } from '../../models/graph/graph.ts'
import { digestOf } from '../../src/adapters/adapter-folder.ts'
import { adapterBaseOf } from '../../src/adapters/model-base.ts'
import type { Backend, PreparedAdapter } from '../../src/engine/backend.ts'
import { prepareAdapter } from '../../src/engine/prepare-adapter.ts'
import { FIXTURES } from './recorded-cases.ts'
import {
  readSafetensors,
  safetensorsBytes,
  type TensorToWrite,
  writeSafetensors,
} from './safetensors-file.ts'
import { seededRandom } from './seeded-random.ts'

export const QWEN2 = join(FIXTURES, 'decoders/qwen2/checkpoint')
export const ADAPTERS = join(FIXTURES, 'adapters/qwen2')
export const PLAIN = join(ADAPTERS, 'plain')
export const RANK_STABILISED = join(ADAPTERS, 'rank-stabilised')

/** As the engine's thread does it. */
export async function prepared(
  backend: Backend,
  modelDir: string,
  folder: string,
): Promise<PreparedAdapter> {
  const { digest } = await digestOf(folder)
  const source = { name: 'tested', folder, digest }
  return await prepareAdapter(backend, await adapterBaseOf(modelDir), source, 256)
}

/** What `adapter_config.json` holds where nobody asked for more. */
export const CONFIG = {
  peft_type: 'LORA',
  task_type: 'CAUSAL_LM',
  base_model_name_or_path: 'tiny/model',
  bias: 'none',
  r: 2,
  lora_alpha: 3,
  target_modules: 'all-linear',
} as const

export type Matrix = TensorToWrite & { readonly values: Float32Array }

/** Writes a folder as PEFT does. */
export function writeAdapter(
  folder: string,
  tensors: Readonly<Record<string, TensorToWrite>>,
  config: object = CONFIG,
): string {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(config))
  writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors)
  return folder
}

/** Random A and B for the linears of a decoder, by the names that PEFT gives them; `wrapper` is what comes before the model's own. */
export function randomAdapter(
  decoder: Graph,
  {
    seed,
    rank = 2,
    size = 0.2,
    wrapper = '',
  }: { seed: number; rank?: number; size?: number; wrapper?: string },
): Record<string, Matrix> {
  const random = seededRandom(seed)
  const matrix = (rows: number, columns: number): Matrix => ({
    shape: [rows, columns],
    values: Float32Array.from({ length: rows * columns }, () => (2 * random() - 1) * size),
  })
  const tensors: Record<string, Matrix> = {}
  for (const { name, shape } of new Set(adaptableLinears(decoder).map(({ weight }) => weight))) {
    const [out, width] = shape as [number, number]
    const module = `base_model.model.${wrapper}${name.replace(/\.weight$/, '')}`
    tensors[`${module}.lora_A.weight`] = matrix(rank, width)
    tensors[`${module}.lora_B.weight`] = matrix(out, rank)
  }
  return tensors
}

/** A model folder whose weights have an adapter of `CONFIG` in them: W + scale · B · A, in double precision. Returns the folder. */
export function writeMerged(
  modelDir: string,
  adapter: Readonly<Record<string, Matrix>>,
  folder: string,
): string {
  cpSync(modelDir, folder, { recursive: true })
  const path = join(folder, 'model.safetensors')
  const floats = readSafetensors(path)
  const tensors: Record<string, TensorToWrite> = {}
  for (const [name, { shape }] of safetensorsBytes(path)) {
    const values = Float64Array.from(floats.get(name)!)
    const module = `base_model.model.${name.replace(/\.weight$/, '')}`
    const [a, b] = [adapter[`${module}.lora_A.weight`], adapter[`${module}.lora_B.weight`]]
    if (a && b) addProduct(values, a, b, CONFIG.lora_alpha / a.shape[0]!)
    tensors[name] = { shape, values }
  }
  writeSafetensors(path, tensors)
  return folder
}

function addProduct(values: Float64Array, a: Matrix, b: Matrix, scale: number): void {
  const [rank, width] = a.shape as [number, number]
  for (let i = 0; i < values.length; i++) {
    const [row, column] = [Math.floor(i / width), i % width]
    for (let r = 0; r < rank; r++)
      values[i]! += scale * b.values[row * rank + r]! * a.values[r * width + column]!
  }
}
