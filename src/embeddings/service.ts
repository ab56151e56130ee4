/** The embeddings room's front desk: a checked request in, vectors or maps out, station by station. */
import { createHash } from 'node:crypto'
import type { EmbeddingOutput, EmbeddingTower } from '../../models/family.ts'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import { findModel } from '../capabilities/find-model.ts'
import { withDeadline } from '../deadline.ts'
import type { Encoder } from '../engine/types.ts'
import { AerieError } from '../errors.ts'
import { currentAccount } from '../limits/account.ts'
import { meteredMedia } from '../limits/metered-media.ts'
import type { LoadedImage, Media } from '../media/types.ts'
import { inWindow } from '../picture-window.ts'
import { tracedEncode, tracedLookup } from '../tracing/encoder-trace.ts'
import { traced } from '../tracing/trace.ts'
import {
  type Embedded,
  type EmbeddedPicture,
  type EmbeddingInput,
  type EmbeddingRequest,
  type EmbeddingService,
  embeddingTokens,
} from './contract.ts'
import { patchesOf, type SeenPicture, seenAs } from './seen-size.ts'
import { embedText, type ReadText, readTexts, type TextSide } from './texts.ts'

/** A tower that is served alone: everything that a request to it needs, loaded. */
export interface ServedTower {
  /** The name that requests use. */
  readonly id: string
  readonly tower: EmbeddingTower
  /** Undefined where texts are not embedded. */
  readonly text: TextSide | undefined
  /** Hex SHA-256 over every file that decides a number. */
  readonly digest: string
  /** Changes whenever weights, backend or version do. */
  readonly systemFingerprint: string
  /** Pictures of one request. */
  readonly maxImages: number
  /** That a picture may be seen as. */
  readonly maxPatches: number
  /** Numbers of one answer. */
  readonly maxValues: number
  readonly encoder: Encoder
}

export interface EmbeddingServiceOptions {
  readonly models: readonly ServedTower[]
  /** Names of served models that do not embed. */
  readonly others: readonly string[]
  /** What these do instead, for messages; absent: what most do. */
  readonly othersDo?: string
  readonly media: Media
  /** The longest deadline, and the one of requests that name none. */
  readonly deadlineMs: number
}

type ImageInput = Extract<EmbeddingInput, { type: 'image' }>
type Stations = Record<string, number>

/** A picture whose bytes are here and whose size is decided, not yet decoded. */
interface SizedPicture {
  readonly type: 'image'
  readonly input: ImageInput
  readonly image: LoadedImage
  readonly seen: SeenPicture
  readonly patches: number
  readonly shape: readonly number[]
}

const OTHERS_DO =
  'answers and has no embeddings that were trained as such; ask /v1/chat/completions'

export function createEmbeddingService(options: EmbeddingServiceOptions): EmbeddingService {
  const { models, others, othersDo = OTHERS_DO } = options
  const media = meteredMedia(options.media)
  const service: EmbeddingService = {
    async embed(request, clientSignal) {
      const model = findModel({ models, others, othersDo }, request.model)
      const output = outputOf(model, request)
      const inputs = imagesOf(model, request)
      const texts = await textsOf(model, request, output)
      const deadlineMs = Math.min(request.deadlineMs ?? options.deadlineMs, options.deadlineMs)
      using deadline = withDeadline(clientSignal, deadlineMs)
      const { signal } = deadline
      const stations: Stations = {}
      let images: LoadedImage[] = []
      try {
        images = await inWindow(
          inputs,
          signal,
          (input, linked) => media.load({ from: { url: input.url }, param: input.param }, linked),
          (image) => media.release(image),
        )
        const sized = images.map((image, i) => size(model, request, output, inputs[i]!, image))
        checkValues(model, sized, texts.length, output)
        const ready = inOrder(request.inputs, sized, texts)
        const taken = await currentAccount().take(costOf(ready), { param: 'input' })
        const errand = { output, tenant: request.tenant, stations }
        const embeddings = await inWindow(
          ready,
          signal,
          (item, linked): Promise<Embedded> =>
            item.type === 'image'
              ? embedPicture(model, media, item, { ...errand, signal: linked })
              : embedReadText(model, item, { ...errand, signal: linked }),
        )
        const decoded = ready.filter((_, i) => !embeddings[i]!.cached)
        taken.settle({ mediaPixels: costOf(decoded).mediaPixels })
        return { model: model.id, output: output.name, embeddings, stations }
      } catch (error) {
        throw deadline.explain(error)
      } finally {
        for (const image of images) media.release(image)
      }
    },
  }
  return {
    async embed(request, signal) {
      const model = models.find(({ id }) => id === request.model)?.id
      const name = model === undefined ? 'embeddings' : `embeddings ${model}`
      const attributes = {
        'gen_ai.operation.name': 'embeddings',
        'gen_ai.provider.name': 'aerie',
        'gen_ai.request.model': model,
      }
      return await traced(name, attributes, async (span) => {
        const result = await service.embed(request, signal)
        const tokens = embeddingTokens(result.embeddings)
        span.set({ 'gen_ai.response.model': result.model, 'gen_ai.usage.input_tokens': tokens })
        return result
      })
    },
  }
}

/** Throws `invalid_request` for an output that the tower does not have, `unsupported_parameter` for vectors cut short. */
function outputOf(
  { id, tower }: ServedTower,
  { output: name, dimensions }: EmbeddingRequest,
): EmbeddingOutput {
  const { outputs } = tower
  const output = name === undefined ? outputs[0]! : outputs.find((one) => one.name === name)
  if (!output) {
    const names = outputs.map((one) => JSON.stringify(one.name)).join(', ')
    const got = JSON.stringify(name!.slice(0, 80))
    const message = `aerie.output: expected one of ${names}, got ${got}`
    throw new AerieError('invalid_request', message, { param: 'aerie.output' })
  }
  if (dimensions !== undefined && dimensions !== output.channels) {
    throw new AerieError(
      'unsupported_parameter',
      `dimensions: ${output.name} of ${id} has ${output.channels} and was not trained to be cut short; got ${dimensions}`,
      { param: 'dimensions' },
    )
  }
  return output
}

/** Rejects with `unsupported_parameter` for text that the tower does not read, with `invalid_request` for an output that texts do not have. */
async function textsOf(
  { id, text }: ServedTower,
  { inputs }: EmbeddingRequest,
  output: EmbeddingOutput,
): Promise<ReadText[]> {
  const texts = inputs.filter((input) => input.type !== 'image')
  const [first] = texts
  if (!first) return []
  const { param } = first
  if (!text) {
    throw new AerieError(
      'unsupported_parameter',
      `${param}: ${id} embeds pictures and has no text side; expected a data: URI, an http(s) URL or an image_url part, got a text`,
      { param },
    )
  }
  if (output.name !== text.tower.output) {
    const message = `aerie.output: expected ${JSON.stringify(text.tower.output)}, which texts have alone, got ${JSON.stringify(output.name)}`
    throw new AerieError('invalid_request', message, { param: 'aerie.output' })
  }
  return await readTexts(text, texts)
}

/** As the inputs stand in the request. */
function inOrder(
  inputs: readonly EmbeddingInput[],
  pictures: readonly SizedPicture[],
  texts: readonly ReadText[],
): (SizedPicture | ReadText)[] {
  const [nextPicture, nextText] = [pictures.values(), texts.values()]
  return inputs.map(({ type }) => (type === 'image' ? nextPicture : nextText).next().value!)
}

/** Throws `media_too_large` for too many pictures. */
function imagesOf({ maxImages }: ServedTower, { inputs }: EmbeddingRequest): ImageInput[] {
  const images = inputs.filter((input) => input.type === 'image')
  if (images.length <= maxImages) return images
  throw new AerieError(
    'media_too_large',
    `input: ${images.length} pictures, limit is ${maxImages} (maxImagesPerRequest)`,
    { param: images[maxImages]!.param },
  )
}

function size(
  { tower, maxPatches }: ServedTower,
  request: EmbeddingRequest,
  { kind, channels, upsampling }: EmbeddingOutput,
  input: ImageInput,
  image: LoadedImage,
): SizedPicture {
  const seen = seenAs(tower, image.header, request.size, maxPatches)
  const cells = (side: number) => Math.floor(side / tower.patchSize) * upsampling
  const { height, width } = seen.size
  const shape = kind === 'summary' ? [channels] : [cells(height), cells(width), channels]
  return { type: 'image', input, image, seen, patches: patchesOf(tower, seen.size), shape }
}

/** Throws `invalid_request` before anything is decoded. */
function checkValues(
  { maxValues }: ServedTower,
  pictures: readonly SizedPicture[],
  texts: number,
  output: EmbeddingOutput,
): void {
  const values =
    pictures.reduce((sum, { shape }) => sum + sizeOf(shape), 0) + texts * output.channels
  if (values <= maxValues) return
  throw new AerieError(
    'invalid_request',
    `input: ${output.name} of these inputs has ${values} numbers, limit is ${maxValues} (maxEmbeddingValues); send fewer, or a smaller aerie.size`,
    { param: 'input' },
  )
}

/** Patches count as tokens, and pixels of pictures as they are before they are brought to their size. */
function costOf(inputs: readonly (SizedPicture | ReadText)[]): {
  tokens: number
  mediaPixels: number
} {
  let [tokens, mediaPixels] = [0, 0]
  for (const input of inputs) {
    if (input.type === 'text') {
      tokens += input.length
      continue
    }
    tokens += input.patches
    mediaPixels += input.image.header.width * input.image.header.height
  }
  return { tokens, mediaPixels }
}

interface Errand {
  readonly output: EmbeddingOutput
  readonly tenant: string
  readonly stations: Stations
  readonly signal: AbortSignal
}

async function embedReadText(
  { digest, systemFingerprint, encoder }: ServedTower,
  text: ReadText,
  { output, tenant, stations, signal }: Errand,
): Promise<Embedded> {
  return await embedText(text, {
    ...{ encoder, signal, channels: output.channels },
    scope: [output.name, digest, systemFingerprint, tenant],
    took: (station, ms) => {
      stations[station] = (stations[station] ?? 0) + ms
    },
  })
}

async function embedPicture(
  { digest, systemFingerprint, encoder }: ServedTower,
  media: Media,
  { input, image, seen, patches, shape }: SizedPicture,
  { output, tenant, stations, signal }: Errand,
): Promise<EmbeddedPicture> {
  const add = (station: string, ms: number) => {
    stations[station] = (stations[station] ?? 0) + ms
  }
  if (!/^\s*data:/i.test(input.url)) add('fetch', image.fetchMs)
  const picture = (values: Float32Array, cached: boolean): EmbeddedPicture => {
    if (values.length !== sizeOf(shape)) {
      throw new Error(`${output.name} has ${values.length} numbers, expected [${shape.join(', ')}]`)
    }
    const { width, height } = image.header
    return {
      type: 'image',
      values,
      shape,
      source: { width, height },
      seen: seen.size,
      patches,
      cached,
    }
  }
  // Everything that decides the numbers, and the tenant, so that nobody can probe for another's pictures.
  const key = createHash('sha256')
    .update(JSON.stringify([image.sha256, seen, output.name, digest, systemFingerprint, tenant]))
    .digest('hex')
  const known = await tracedLookup(encoder, key, input.param)
  if (known?.from === 'disk') add('disk', known.readMs)
  if (known) return picture(known.features.data, true)
  const prepared = await media.prepare(image, seen.preprocessing, ONE_TILE, input.param, signal)
  add('decode', prepared.decodeMs)
  add('preprocess', prepared.preprocessMs)
  const { height, width } = seen.size
  const encoded = await tracedEncode(
    encoder,
    {
      ...{ key, pixels: prepared.pixels, layout: ONE_TILE },
      input: { height, width, output: output.name },
    },
    { param: input.param, signal },
  )
  add('encode', encoded.queueMs + encoded.encodeMs)
  return picture(encoded.features.data, encoded.cached)
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}
