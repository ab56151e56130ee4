/** Picture parts of a conversation → features, by way of the caches, with a record of what was seen. */
import { featureTiles, layoutPictures, type PictureToLayOut } from '../../models/preprocessing.ts'
import { finestLevel, type PictureLayout } from '../../models/tiling/layout.ts'
import { seenArea } from '../../models/tiling/seen-area.ts'
import type { Features } from '../engine/types.ts'
import { AerieError } from '../errors.ts'
import type { ImageSource, LoadedImage, Media } from '../media/types.ts'
import { inWindow } from '../picture-window.ts'
import { tracedEncode, tracedLookup } from '../tracing/encoder-trace.ts'
import type { ChatMessage, ContentPart, ImageSeen, StationTimes } from './contract.ts'
import { pictureKey } from './feature-key.ts'
import type { ServedModel } from './model.ts'

type ImagePart = Extract<ContentPart, { type: 'image' }>

/** One tile, whatever its size. */
const FRAME: PictureToLayOut = { size: { width: 1, height: 1 }, detail: 'low' }

/** A picture whose bytes are here and whose cost is known, not yet decoded. */
export interface LoadedPicture {
  readonly part: ImagePart
  readonly image: LoadedImage
  readonly layout: PictureLayout
  /** Positions of its features in the prompt. */
  readonly tokens: number
}

export interface EncodedPicture {
  readonly features: Features
  readonly seen: ImageSeen
}

export function pictureParts(messages: readonly ChatMessage[]): ImagePart[] {
  return messages.flatMap((message) => message.content.filter((part) => part.type === 'image'))
}

/** A part's picture; a page of a document is one already. */
export function loadPart(media: Media, part: ImagePart, signal: AbortSignal): Promise<LoadedImage> {
  if ('loaded' in part) return Promise.resolve(part.loaded)
  const from: ImageSource['from'] = 'url' in part ? { url: part.url } : part.stored
  return media.load({ from, param: part.param }, signal)
}

/** What was loaded before its turn, which a request that fails early never comes to. */
export function releaseLoaded(media: Media, parts: readonly ImagePart[]): void {
  for (const part of parts) if ('loaded' in part) media.release(part.loaded)
}

/** Positions that the pictures take in the prompt. */
export function imageTokens(pictures: readonly LoadedPicture[]): number {
  return pictures.reduce((sum, picture) => sum + picture.tokens, 0)
}

/** Fetches every picture and reads its header. Errors name the part. `frames`: of clips, beside which a picture is not alone. */
export async function loadPictures(
  model: ServedModel,
  media: Media,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
  frames = 0,
): Promise<LoadedPicture[]> {
  const parts = pictureParts(messages)
  const { preprocessing, limits } = model
  if (parts.length === 0) return []
  if (!preprocessing || limits.maxImages === 0) {
    throw new AerieError(
      'unsupported_parameter',
      `${parts[0]!.param}: model ${model.id} reads no pictures`,
      {
        param: parts[0]!.param,
      },
    )
  }
  if (parts.length > limits.maxImages) {
    releaseLoaded(media, parts)
    const { param } = parts[limits.maxImages]!
    const what = `${parts.length} pictures, limit is ${limits.maxImages} (max_images in /v1/models)`
    throw new AerieError('media_too_large', `${param}: ${what}`, { param })
  }
  const images = await inWindow(
    parts,
    signal,
    (part, linked) => loadPart(media, part, linked),
    (image) => media.release(image),
  ).catch((error) => {
    releaseLoaded(media, parts)
    throw error
  })
  const layouts = layoutPictures(preprocessing, [
    ...images.map(({ header }, i) => ({ size: header, detail: parts[i]!.detail })),
    ...new Array<PictureToLayOut>(frames).fill(FRAME),
  ])
  return images.map((image, i): LoadedPicture => {
    const layout = layouts[i]!
    const tokens = featureTiles(preprocessing, layout) * limits.tokensPerTile
    return { part: parts[i]!, image, layout, tokens }
  })
}

/** Gives the pictures' bytes back to the media budget; again is harmless. */
export function releasePictures(media: Media, pictures: readonly LoadedPicture[]): void {
  for (const { image } of pictures) media.release(image)
}

/** Features of loaded pictures: from the cache, or decoded and run through the towers. */
export async function encodePictures(
  model: ServedModel,
  media: Media,
  pictures: readonly LoadedPicture[],
  tenant: string,
  signal: AbortSignal,
): Promise<EncodedPicture[]> {
  return inWindow(pictures, signal, (picture, linked) =>
    encodePicture(model, media, picture, tenant, linked),
  )
}

async function encodePicture(
  model: ServedModel,
  media: Media,
  picture: LoadedPicture,
  tenant: string,
  signal: AbortSignal,
): Promise<EncodedPicture> {
  const { part, image, layout } = picture
  const encoder = model.visionEncoder!
  const key = pictureKey(model, contentKey(image), layout, tenant)
  const isFetched = 'url' in part ? !/^\s*data:/i.test(part.url) : image.fetchMs > 0
  const fetchTime: StationTimes = isFetched ? { fetch: image.fetchMs } : {}
  const known = await tracedLookup(encoder, key, part.param)
  if (known) {
    const { features, from, readMs } = known
    return {
      features,
      seen: describe(model, picture, {
        cached: true,
        cache: from,
        conversions: features.conversions ?? [],
        stations: { ...fetchTime, ...(from === 'disk' && { disk: readMs }) },
      }),
    }
  }
  const prepared = await media.prepare(image, model.preprocessing!, layout, part.param, signal)
  const { pixels, conversions } = prepared
  const asked = { key, pixels, layout, conversions }
  const result = await tracedEncode(encoder, asked, { param: part.param, signal })
  return {
    features: result.features,
    seen: describe(model, picture, {
      cached: result.cached,
      cache: result.cached ? 'memory' : undefined,
      conversions,
      stations: {
        ...fetchTime,
        decode: prepared.decodeMs,
        preprocess: prepared.preprocessMs,
        encode: result.queueMs + result.encodeMs,
      },
    }),
  }
}

function describe(
  model: ServedModel,
  { part, image, layout, tokens }: LoadedPicture,
  rest: Pick<ImageSeen, 'cached' | 'cache' | 'conversions' | 'stations'>,
): ImageSeen {
  const { mode, size } = model.preprocessing!
  const { header } = image
  return {
    param: part.param,
    detail: part.detail,
    format: header.format,
    bytes: image.bytes.byteLength,
    sha256: image.sha256,
    ...('stored' in part && { fileId: part.stored.fileId }),
    ...('loaded' in part && part.fileId !== undefined && { fileId: part.fileId }),
    ...(image.page !== undefined && { page: image.page }),
    width: header.width,
    height: header.height,
    tiles: layout.tiles,
    grid: finestLevel(layout),
    levels: layout.levels.map((grid) => ({ ...grid, area: seenArea(mode, header, grid, size) })),
    towers: model.towers,
    tokens,
    ...rest,
  }
}

/** What the picture is: its file, or a page of it and the size at which that is drawn. */
function contentKey({ sha256, page, header }: LoadedImage): string {
  return page === undefined ? sha256 : `${sha256}/${page}/${header.width}x${header.height}`
}
