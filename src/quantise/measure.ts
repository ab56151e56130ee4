/** Measures a quantised model against the same checkpoint as it was, on the calibration prompts and pictures. */
import type { ModelConfig } from '../../models/load-config.ts'
import { layoutPictures } from '../../models/preprocessing.ts'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import { blockSize, mergeBlock } from '../../models/tiling/merge-scales.ts'
import type { Segment } from '../engine/backend.ts'
import { EmbeddingTable } from '../engine/backends/embedding-table.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import type { Feed } from '../engine/backends/onnx-session.ts'
import { AerieError } from '../errors.ts'
import { preprocess } from '../media/preprocess.ts'
import { preprocessWhole } from '../media/whole-picture.ts'
import {
  type FeatureAgreement,
  FeatureComparison,
  type LogitAgreement,
  LogitComparison,
} from './agreement.ts'
import type { CalibrationPrompt } from './calibration.ts'
import {
  CALIBRATION_PICTURES,
  type CalibrationPicture,
  drawPicture,
} from './calibration-pictures.ts'
import { runSegments, type SegmentRunOptions } from './segment-run.ts'

/** Positions of a prompt that are compared, from its end. */
const MOST_POSITIONS = 64
/** What the projector makes of the towers, in the list of what was measured. */
export const FEATURES = 'features'

/** The checkpoint as it was, and quantised. */
export interface Pair {
  readonly before: ModelFiles
  readonly quantised: ModelFiles
}

export interface TowerAgreement extends FeatureAgreement {
  /** Of the tower, or `features` for what the projector makes of all of them. */
  readonly name: string
}

/**
 * A tower that is published alone: itself by what it says of a picture's places, and everything else that it says, by the name
 * of the output.
 */
export async function measureTower(
  pair: Pair,
  { family, config, graphs, embeddingTower }: ModelConfig,
  options: Options,
): Promise<TowerAgreement[]> {
  const { encoder } = graphs
  if (!encoder || !embeddingTower) throw new Error('a model with a decoder is measured otherwise')
  const { height, width } = embeddingTower.preferred
  const feeds = CALIBRATION_PICTURES.map((name) => {
    const { pixels } = preprocessWhole(drawPicture(name), { height, width, resample: 'bicubic' })
    return { [encoder.inputs[0]!.name]: { data: pixels, dims: [1, 3, height, width] } }
  })
  const nameOf = new Map((family.towers?.(config) ?? []).map(({ name, stage }) => [stage, name]))
  const seen = await runBoth(pair, encoder, feeds, options)
  return encoder.outputs.map(({ name, value }) => {
    const comparison = new FeatureComparison()
    for (const [a, b] of seen)
      comparison.add(a.get(name)!, b.get(name)!, value.shape.at(-1) as number)
    return { name: nameOf.get(name) ?? name, ...comparison.result }
  })
}

export interface EncoderMeasurement {
  readonly towers: readonly TowerAgreement[]
  /** By picture: `[tokens, hidden]`, before and quantised. */
  readonly features: ReadonlyMap<CalibrationPicture, readonly [Float32Array, Float32Array]>
}

type Options = Pick<SegmentRunOptions, 'threads' | 'signal' | 'mostElements'>

/** Every tower, and the features that the decoder gets, of each drawn picture as one tile. */
export async function measureEncoder(
  { before, quantised }: Pair,
  { family, config, graphs, preprocessing }: ModelConfig,
  options: Options,
): Promise<EncoderMeasurement> {
  const { encoder, merging } = graphs
  if (!encoder || !preprocessing) throw new Error('a model without towers has nothing to measure')
  const feeds = CALIBRATION_PICTURES.map((name) => {
    const [layout] = layoutPictures(preprocessing, [{ size: drawPicture(name), detail: 'low' }])
    const { pixels } = preprocess(drawPicture(name), preprocessing, layout)
    const [, ...item] = encoder.inputs[0]!.value.shape as [string, ...number[]]
    return { [encoder.inputs[0]!.name]: { data: pixels, dims: [1, ...item] } }
  })
  const towers = family.towers?.(config) ?? []
  const names = new Map(towers.map(({ name, stage }) => [name, stage]))
  const stages = [...names.values()]
  const widths = new Map(
    [...encoder.stages, ...encoder.outputs].map(({ name, value }) => [
      name,
      value.shape.at(-1) as number,
    ]),
  )
  const comparisons = new Map(
    [...names.keys(), FEATURES].map((name) => [name, new FeatureComparison()]),
  )
  const seen = await runBoth({ before, quantised }, encoder, feeds, { ...options, stages })
  for (const [a, b] of seen)
    for (const [name, stage] of names)
      comparisons.get(name)!.add(a.get(stage)!, b.get(stage)!, widths.get(stage)!)

  let projected = seen.map(([a, b]) => [a.get(FEATURES)!, b.get(FEATURES)!] as const)
  let width = widths.get(FEATURES)!
  if (merging) {
    const { merge, projector } = merging
    const block = (maps: Float32Array): Record<string, Feed> => {
      const data = new Float32Array(blockSize(merge))
      mergeBlock(maps, ONE_TILE, merge, 0, data)
      const [, ...item] = projector.inputs[0]!.value.shape as [string, ...number[]]
      return { [projector.inputs[0]!.name]: { data, dims: [1, ...item] } }
    }
    const blocks = projected.map(([a, b]) => [block(a), block(b)] as const)
    const results = await runBoth({ before, quantised }, projector, blocks, options)
    projected = results.map(([a, b]) => [a.get(FEATURES)!, b.get(FEATURES)!] as const)
    width = projector.outputs.find(({ name }) => name === FEATURES)!.value.shape.at(-1) as number
  }
  for (const [a, b] of projected) comparisons.get(FEATURES)!.add(a, b, width)
  return {
    towers: [...comparisons].map(([name, comparison]) => ({ name, ...comparison.result })),
    features: new Map(CALIBRATION_PICTURES.map((name, i) => [name, projected[i]!])),
  }
}

type Feeds = Readonly<Record<string, Feed>>
type Results = ReadonlyMap<string, Float32Array>

/** Results before and quantised, for each input; an input may be a pair of its own. */
async function runBoth(
  pair: Pair,
  graph: Parameters<typeof runSegments>[0],
  feeds: readonly (Feeds | readonly [Feeds, Feeds])[],
  options: SegmentRunOptions,
): Promise<(readonly [Results, Results])[]> {
  const both: Results[][] = []
  for (const [side, files] of [pair.before, pair.quantised].entries()) {
    const own = feeds.map((feed) => (Array.isArray(feed) ? feed[side] : feed) as Feeds)
    const results: Results[] = []
    await runSegments(graph, files, own, (result) => results.push(result), options)
    both.push(results)
  }
  return feeds.map((_, i) => [both[0]![i]!, both[1]![i]!] as const)
}

/** Logits at the last positions of every prompt, the quantised side with its own embedding and features. */
export async function measureDecoder(
  { before, quantised }: Pair,
  prompts: readonly CalibrationPrompt[],
  features: EncoderMeasurement['features'],
  options: Options,
): Promise<LogitAgreement & { readonly prompts: number }> {
  const { graphs, limits } = before
  const decoder = graphs.decoder!
  const sides: Float32Array[][] = []
  const comparison = new LogitComparison()
  for (const [side, files] of [before, quantised].entries()) {
    const table = await EmbeddingTable.load(files)
    const feeds = prompts.map(({ pieces, picture }) => {
      const seen = picture === undefined ? undefined : features.get(picture)?.[side]
      return decoderFeeds(embedPrompt(table, pieces, seen), limits)
    })
    const all: Float32Array[] = []
    await runSegments(decoder, files, feeds, (result) => all.push(result.get('logits')!), options)
    sides.push(all)
  }
  for (const [i, logits] of sides[0]!.entries())
    comparison.add(logits, sides[1]![i]!, limits.vocabSize)
  return { prompts: prompts.length, ...comparison.result }
}

/** `[positions, hidden]` */
function embedPrompt(
  table: EmbeddingTable,
  pieces: CalibrationPrompt['pieces'],
  features: Float32Array | undefined,
): Float32Array {
  const segments = pieces.map((piece): Segment => {
    if (piece.kind === 'medium') {
      if (!features) throw new Error('a prompt with a picture of which there are no features')
      const { firstRow, rows } = piece
      const { hiddenSize } = table
      const data = features.subarray(firstRow * hiddenSize, (firstRow + rows) * hiddenSize)
      return { kind: 'embeddings', data, rows }
    }
    const unknown = piece.ids.find((id) => !table.has(id))
    if (unknown !== undefined)
      throw new AerieError(
        'invalid_package',
        `tokenizer: token id ${unknown} of a calibration prompt is outside the vocabulary of ${table.vocabSize}`,
      )
    return { kind: 'tokens', ids: piece.ids }
  })
  return table.embed(segments)
}

/** A prompt that is longer than the model reads is cut off. */
function decoderFeeds(
  embeddings: Float32Array,
  { hiddenSize, maxContext }: ModelFiles['limits'],
): Feeds {
  const steps = Math.min(embeddings.length / hiddenSize, maxContext)
  const places = Int32Array.from({ length: steps }, (_, i) => i)
  const wanted = places.slice(-MOST_POSITIONS)
  return {
    embeddings: { data: embeddings.slice(0, steps * hiddenSize), dims: [1, steps, hiddenSize] },
    positions: { data: places, dims: [1, steps] },
    wanted: { data: wanted, dims: [1, wanted.length] },
  }
}
