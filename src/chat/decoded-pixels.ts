/** Pixels that a conversation has decoded: pictures and pages as they are, frames of clips as they are shown. */
import type { EncodedMedia, LoadedMedia } from './media-parts.ts'
import type { LoadedVideo } from './videos.ts'

/** If no cache knows anything. */
export function pixelsOf({ pictures, videos }: Pick<LoadedMedia, 'pictures' | 'videos'>): number {
  return sum(pictures, ({ image }) => area(image.header)) + sum(videos, framePixels)
}

/** What was decoded in truth. */
export function pixelsDecoded(
  { pictures, videos }: Pick<LoadedMedia, 'pictures' | 'videos'>,
  encoded: Pick<EncodedMedia, 'images' | 'videos'>,
): number {
  const known = (i: number) => encoded.images[i]!.cached
  const share = (i: number) => {
    const { cachedFrames, times } = encoded.videos[i]!
    return 1 - cachedFrames / times.length
  }
  return (
    sum(pictures, ({ image }, i) => (known(i) ? 0 : area(image.header))) +
    sum(videos, (video, i) => Math.ceil(framePixels(video) * share(i)))
  )
}

function framePixels({ source, shown }: LoadedVideo): number {
  if (source.from === 'pictures') return sum(source.images, ({ header }) => area(header))
  return shown.seconds.length * area(source.clip.header)
}

function area({ width, height }: { readonly width: number; readonly height: number }): number {
  return width * height
}

function sum<Item>(items: readonly Item[], of: (item: Item, i: number) => number): number {
  return items.reduce((total, item, i) => total + of(item, i), 0)
}
