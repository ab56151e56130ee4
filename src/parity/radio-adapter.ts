/**
 * Cases of RADIO: pictures of many sizes, each stage from the pixels to the backbone's outputs, those of the adaptors, of
 * single blocks, and of attention in windows.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RadioConfig } from '../../models/blocks/radio-config.ts'
import type { WindowConfig } from '../../models/blocks/vitdet.ts'
import { resolveShape } from '../../models/graph/shape.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import type { WholePicture } from '../../models/preprocessing.ts'
import { nearestSupported, radioEncoder } from '../../models/radio.ts'
import type { PictureSize } from '../../models/tiling/layout.ts'
import { runItemStages, type Stages } from '../engine/backends/graph-stages.ts'
import { type ModelFiles, openModelFiles } from '../engine/backends/model-files.ts'
import type { Picture } from '../media/resample.ts'
import { preprocessWhole } from '../media/whole-picture.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import { readPicture } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'

interface RadioPicture {
  readonly file: string
  /** How it was brought to the model's size; absent: it has it. */
  readonly mode?: 'plain' | 'nearest' | 'hf_resize'
}

/** One call of `forward_intermediates`. */
interface IntermediatesCall {
  readonly indices: number | readonly number[]
  readonly aggregation?: 'sparse' | 'dense'
}

/** Pictures that attention in windows was tried on, with the arguments of `VitDetArgs`. */
interface WindowedCalls {
  readonly files: readonly string[]
  readonly window_size: number
  readonly num_windowed?: number
  readonly num_global?: number
}

/** What is put into the tower. */
export interface RadioPixels {
  readonly height: number
  readonly width: number
  /** `[3, height, width]`, colours 0…1. */
  readonly pixels: Float32Array
}

export const radioAdapter: ParityAdapter = {
  name: 'RADIO',
  accepts: ({ expected }) => 'nearest_supported' in expected,
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { expected, checkpoint, folder } = reference
  const tensors = new Map<string, ComputedTensor>()
  const config = (await loadModelConfig(checkpoint)).config as RadioConfig
  const files = await openModelFiles(checkpoint)
  await using _checkpoint = files.checkpoint
  const pictures = expected['images'] as RadioPicture[]
  for (const { file, mode } of pictures) {
    const name = baseName(file)
    const picture = await readPicture(join(folder, 'inputs', file), 'dropped')
    const input = await pixelsOf(picture, mode, checkpoint, config)
    const computed = await computeTower(files, backend, config, input)
    for (const [stage, tensor] of computed) tensors.set(`${name}.${stage}`, tensor)
  }
  await addIntermediates(reference, tensors, files, config)
  const vitdet = expected['vitdet'] as WindowedCalls | undefined
  for (const file of vitdet?.files ?? []) {
    const windows = { side: vitdet!.window_size, period: periodOf(vitdet!, config.layers) }
    const { mode } = pictures.find((picture) => picture.file === file)!
    const picture = await readPicture(join(folder, 'inputs', file), 'dropped')
    const input = await pixelsOf(picture, mode, checkpoint, config)
    const computed = await computeTower(files, backend, config, input, windows)
    for (const output of ['summary', 'features'])
      tensors.set(`${baseName(file)}.vitdet.${output}`, computed.get(`backbone.${output}`)!)
  }
  return { tensors, leftOut: new Map() }
}

/** Blocks from one that sees everything to the next, as `apply_vitdet_arch` counts them. */
function periodOf({ num_windowed, num_global = 4 }: WindowedCalls, layers: number): number {
  return num_windowed === undefined
    ? Math.max(Math.floor(layers / num_global), 1)
    : num_windowed + 1
}

/** Every stage of one picture under the names of the cases. */
export async function computeTower(
  files: ModelFiles,
  backend: string,
  config: RadioConfig,
  { height, width, pixels }: RadioPixels,
  windows?: WindowConfig,
): Promise<Map<string, ComputedTensor>> {
  const graph = radioEncoder(config, { height, width, ...(windows ? { windows } : {}) })
  const stages: Stages = await runItemStages(files, backend, graph, pixels)
  const grid = [height / config.patchSize, width / config.patchSize] as const
  const tensors = new Map<string, ComputedTensor>()
  tensors.set('pixel_values', { shape: [1, 3, height, width], values: pixels })
  for (const { name, value } of [...graph.stages, ...graph.outputs]) {
    const shape = resolveShape(value.shape, new Map([['tiles', 1]]))
    const theirs = name === 'summary' || name === 'features' ? `backbone.${name}` : name
    // Positions are the same for every picture of a batch, which we have none of.
    const batched = name === 'pos_enc' ? [1, ...shape] : shape
    const tensor = { shape: batched, values: stages.get(name)! }
    tensors.set(theirs, tensor)
    if (name.endsWith('features')) tensors.set(`${theirs}_nchw`, channelsFirst(tensor, grid))
  }
  return tensors
}

/** The outputs of blocks: of each that is asked for, or the mean over those since the one before. */
async function addIntermediates(
  { expected }: ReferenceCase,
  tensors: Map<string, ComputedTensor>,
  { checkpoint, tensors: weights }: ModelFiles,
  c: RadioConfig,
): Promise<void> {
  const intermediates = expected['intermediates'] as
    | { image: string; calls: Record<string, IntermediatesCall> }
    | undefined
  if (!intermediates) return
  const chosen = await checkpoint.readFloats(weights.get('summary_idxs')!)
  const picture = baseName(intermediates.image)
  const block = (i: number) => tensors.get(`${picture}.block${i}`)!
  const width = c.hiddenSize
  for (const [call, { indices, aggregation = 'sparse' }] of Object.entries(intermediates.calls)) {
    const taken = (
      typeof indices === 'number'
        ? Array.from({ length: indices }, (_, i) => c.layers - indices + i)
        : indices.map((index) => (index < 0 ? c.layers + index : index))
    ).toSorted((a, b) => a - b)
    for (const [i, last] of taken.entries()) {
      const first = aggregation === 'sparse' ? last : (taken[i - 1] ?? -1) + 1
      const values = mean(
        Array.from({ length: last - first + 1 }, (_, k) => block(first + k).values),
      )
      const token = (at: number) => values.subarray(at * width, (at + 1) * width)
      const prefix = c.classTokens + c.registers
      tensors.set(`${picture}.inter.${call}.${i}.summary`, {
        shape: [1, chosen.length * width],
        values: Array.from(chosen).flatMap((at) => Array.from(token(at))),
      })
      tensors.set(`${picture}.inter.${call}.${i}.features`, {
        shape: [1, values.length / width - prefix, width],
        values: values.subarray(prefix * width),
      })
    }
  }
}

function mean(rows: readonly ArrayLike<number>[]): Float64Array {
  return Float64Array.from(rows[0]!, (_, i) =>
    rows.reduce((sum, row) => sum + row[i]! / rows.length, 0),
  )
}

/** [1, n·rows·n·columns, c] → [1, c, n·rows, n·columns] */
function channelsFirst(
  { shape, values }: ComputedTensor,
  [rows, columns]: readonly [number, number],
): ComputedTensor {
  const [, cells, channels] = shape as [number, number, number]
  const scale = Math.sqrt(cells / (rows * columns))
  return {
    shape: [1, channels, rows * scale, columns * scale],
    values: Float32Array.from(
      { length: cells * channels },
      (_, i) => values[(i % cells) * channels + Math.floor(i / cells)]!,
    ),
  }
}

/** As the case brought a picture to the model's size, by one of three routes. */
async function pixelsOf(
  picture: Picture,
  mode: RadioPicture['mode'],
  checkpoint: string,
  config: RadioConfig,
): Promise<RadioPixels> {
  switch (mode) {
    case undefined:
    case 'plain':
      return plainPixels(picture)
    case 'nearest': {
      const size = nearestSupported(config, picture.height, picture.width)
      return sized(picture, size, 'bilinear-floats')
    }
    case 'hf_resize': {
      const processor = await readFile(join(checkpoint, 'preprocessor_config.json'), 'utf8')
      const { size } = JSON.parse(processor) as { size: PictureSize }
      return sized(picture, size, 'bicubic')
    }
  }
}

/** At its own size. */
export function plainPixels(picture: Picture): RadioPixels {
  return sized(picture, picture, 'bicubic')
}

function sized(
  picture: Picture,
  { height, width }: PictureSize,
  resample: WholePicture['resample'],
): RadioPixels {
  const to: WholePicture = { mode: 'whole', height, width, resample, alpha: 'dropped' }
  return { height, width, pixels: preprocessWhole(picture, to).pixels }
}

/** What the tensors of a picture begin with. */
export function baseName(file: string): string {
  return file.replace(/\.[^.]+$/, '')
}
