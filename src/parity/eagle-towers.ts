/** The towers' stages in the shapes that Eagle's cases record them in: of one picture, each as its module gives it. */

import { type Pix2StructConfig, pix2struct } from '../../models/blocks/pix2struct.ts'
import { type EagleConfig, type EagleTower, towerPrefix } from '../../models/eagle_llama.ts'
import { GraphBuilder } from '../../models/graph/builder.ts'
import { runTileStages, type Stages } from '../engine/backends/graph-stages.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import type { WholeTensor } from './subsample.ts'

type TowerOf<Name extends EagleTower['name']> = Extract<EagleTower, { name: Name }>

/** One picture's stages of the encoder's graph, by the names of the cases. */
export async function towerTensors(
  files: ModelFiles,
  { towers, grid }: EagleConfig,
  stages: Stages,
): Promise<Map<string, WholeTensor>> {
  const tensors = new Map<string, WholeTensor>()
  for (const { name, value } of files.graphs.encoder!.stages) {
    const shape = value.shape.slice(1) as number[]
    const values = stages.get(name)!
    const [tower, stage] = name.split('.') as [string, string | undefined]
    if (stage === 'out' && (tower === 'clip' || tower === 'convnext')) {
      // These two give tokens, and not a map.
      const [rows, columns, channels] = shape as [number, number, number]
      tensors.set(name, { shape: [rows * columns, channels], values, rowAxis: 0 })
    } else if (stage === 'out' || /^convnext\.stage\d+$/.test(name)) {
      tensors.set(name, channelsFirst(values, shape))
    } else tensors.set(name, { shape, values, rowAxis: stage === 'input' ? 1 : 0 })
  }
  const at = (name: EagleTower['name']) => towers.findIndex((tower) => tower.name === name)
  if (at('clip') >= 0) {
    const embeddings = tensors.get('clip.embeddings')!
    tensors.set('clip.embeddings', await withClassToken(files, at('clip'), embeddings))
  }
  const reader = towers.find((tower): tower is TowerOf<'pix2struct'> => tower.name === 'pix2struct')
  if (reader) {
    // The published tower resizes its map by itself.
    const map = stages.get('pix2struct.grid')!
    tensors.set('pix2struct.out', channelsFirst(map, [grid, grid, reader.config.hiddenSize]))
    const patches = stages.get('pix2struct.patches')!
    for (const [name, tensor] of patchTensors(patches, reader.config)) tensors.set(name, tensor)
  }
  return tensors
}

/**
 * Pix2Struct with the rows that it is padded with, as the cases record it; the encoder has none, as nothing depends on them.
 */
export async function paddedPix2Struct(
  files: ModelFiles,
  backend: string,
  { towers }: EagleConfig,
  pixels: Float32Array,
): Promise<Map<string, WholeTensor>> {
  const tensors = new Map<string, WholeTensor>()
  for (const [i, tower] of towers.entries()) {
    if (tower.name !== 'pix2struct') continue
    const { name, config } = tower
    const { imageSize, maxPatches, hiddenSize } = config
    const g = new GraphBuilder('padded')
    const input = g.input('pixels', ['tiles', 3, imageSize, imageSize])
    const padding = maxPatches - config.grid ** 2
    g.output('map', pix2struct(g, input, towerPrefix(i), config, { name, padding }))
    const graph = g.build()
    const stages = await runTileStages(files, backend, graph, pixels)
    for (const { name: stage } of graph.stages) {
      if (stage === `${name}.patches`) continue
      const values = stages.get(stage)!
      tensors.set(stage, { shape: [maxPatches, hiddenSize], values, rowAxis: 0 })
    }
  }
  return tensors
}

/** [height, width, channels] → [channels, height, width]. */
function channelsFirst(values: Float32Array, shape: readonly number[]): WholeTensor {
  const [height, width, channels] = shape as [number, number, number]
  const cells = height * width
  const moved = new Float32Array(values.length)
  for (let cell = 0; cell < cells; cell++)
    for (let c = 0; c < channels; c++) moved[c * cells + cell] = values[cell * channels + c]!
  return { shape: [channels, height, width], values: moved, rowAxis: 1 }
}

/** The row that is dropped before anything sees it, and that our graph therefore does without. */
async function withClassToken(
  { checkpoint }: ModelFiles,
  tower: number,
  { shape, values }: WholeTensor,
): Promise<WholeTensor> {
  const [rows, width] = shape as [number, number]
  const embeddings = `${towerPrefix(tower)}.vision_model.embeddings`
  const read = (name: string) =>
    checkpoint.readFloats(checkpoint.tensors.get(`${embeddings}.${name}`)!)
  const token = await read('class_embedding')
  const places = await read('position_embedding.weight')
  const first = token.map((value, i) => value + places[i]!)
  return {
    shape: [rows + 1, width],
    values: Float32Array.from([...first, ...Array.from(values)]),
    rowAxis: 0,
  }
}

/** Patches behind their row and column, both counted from 1, then zeros up to as many as the processor gives. */
function patchTensors(
  patches: Float32Array,
  { grid, patchSize, maxPatches }: Pix2StructConfig,
): Map<string, WholeTensor> {
  const width = 3 * patchSize ** 2
  const flattened = new Float32Array(maxPatches * (2 + width))
  for (let cell = 0; cell < grid ** 2; cell++) {
    const at = cell * (2 + width)
    flattened[at] = Math.floor(cell / grid) + 1
    flattened[at + 1] = (cell % grid) + 1
    flattened.set(patches.subarray(cell * width, (cell + 1) * width), at + 2)
  }
  const mask = new Float32Array(maxPatches).fill(1, 0, grid ** 2)
  return new Map([
    [
      'pix2struct.flattened_patches',
      { shape: [maxPatches, 2 + width], values: flattened, rowAxis: 0 },
    ],
    ['pix2struct.attention_mask', { shape: [maxPatches], values: mask, rowAxis: 0 }],
  ])
}
