/** The media room with a meter at its door: bytes of pictures, clips, sounds and documents count before anything is made of them. */
import type { DocumentSource } from '../media/documents/contract.ts'
import type { ImageSource, Media } from '../media/types.ts'
import type { ClipSource, ClipWindow, LoadedClip } from '../media/video/contract.ts'
import { currentAccount } from './account.ts'

type From =
  | ImageSource['from']
  | ClipSource['from']
  | DocumentSource['from']
  | { readonly path: string; readonly byteLength: number; readonly isClip?: boolean }

/**
 * Takes from the account of the request that is being handled. What is fetched counts when it is here, since nothing tells its size
 * before; everything else before it is opened. Rejects with `rate_limit_exceeded` beside what the room itself rejects with.
 */
export function meteredMedia(media: Media): Media {
  const { clips, documents, sounds } = media
  return {
    load: (source, signal) =>
      paid(source, {
        load: () => media.load(source, signal),
        sizeOf: ({ bytes }) => bytes.byteLength,
        release: (image) => media.release(image),
      }),
    prepare: (...call) => media.prepare(...call),
    release: (image) => media.release(image),
    stats: () => media.stats(),
    dispose: () => media.dispose(),
    documents: {
      limits: documents.limits,
      open: (source, signal) =>
        paid(source, {
          load: () => documents.open(source, signal),
          sizeOf: ({ byteLength }) => byteLength,
          release: (document) => documents.release(document),
        }),
      read: (...call) => documents.read(...call),
      pictures: (...call) => documents.pictures(...call),
      release: (document) => documents.release(document),
    },
    sounds: {
      spool: sounds.spool,
      decoder: sounds.decoder,
      stats: () => sounds.stats(),
      load: (source, hearing, signal) =>
        paid(source, {
          load: () => sounds.load(source, hearing, signal),
          sizeOf: ({ byteLength }) => byteLength,
          release: (sound) => sounds.release(sound),
        }),
      release: (sound) => sounds.release(sound),
    },
    clips: {
      limits: clips.limits,
      load: (source, signal) =>
        paid(source, {
          load: () => clips.load(source, signal),
          sizeOf: ({ byteLength }) => byteLength,
          release: (clip) => clips.release(clip),
        }),
      keyframes: (...call) => clips.keyframes(...call),
      scenes: async (clip, window, param, signal) => {
        // Every frame of it is decoded, to choose some.
        await currentAccount().take({ mediaPixels: pixelsIn(clip, window) }, { param })
        return await clips.scenes(clip, window, param, signal)
      },
      prepare: (...call) => clips.prepare(...call),
      fileOf: (clip) => clips.fileOf(clip),
      release: (clip) => clips.release(clip),
      stats: () => clips.stats(),
      dispose: () => clips.dispose(),
    },
  }
}

interface Loading<Loaded> {
  load(): Promise<Loaded>
  /** In bytes. */
  sizeOf(loaded: Loaded): number
  release(loaded: Loaded): void
}

async function paid<Loaded>(
  { from, param }: { readonly from: From; readonly param: string },
  { load, sizeOf, release }: Loading<Loaded>,
): Promise<Loaded> {
  const account = currentAccount()
  const announced = bytesOf(from)
  if (announced !== undefined) {
    const taken = await account.take({ mediaBytes: announced }, { param })
    const loaded = await load()
    if (announced > 0) taken.settle({ mediaBytes: sizeOf(loaded) })
    return loaded
  }
  const loaded = await load()
  try {
    await account.take({ mediaBytes: sizeOf(loaded) }, { param })
    return loaded
  } catch (error) {
    release(loaded)
    throw error
  }
}

/** Undefined for what is to be fetched. Of base64 as near as its length tells. */
function bytesOf(from: From): number | undefined {
  // The sound of a clip, which has been counted.
  if ('isClip' in from && from.isClip) return 0
  if ('byteLength' in from) return from.byteLength
  if ('bytes' in from) return from.bytes.byteLength
  if ('base64' in from) return Math.floor((from.base64.length * 3) / 4)
  const text = 'dataUri' in from ? from.dataUri : from.url
  if (!/^\s*data:/i.test(text)) return undefined
  return Math.floor(((text.length - text.indexOf(',') - 1) * 3) / 4)
}

function pixelsIn({ header }: LoadedClip, { start, end }: ClipWindow): number {
  const { width, height, fps } = header
  return Math.max(1, Math.ceil((end - start) * fps)) * width * height
}
