/** How a video stands in a prompt; the placeholder's meaning changed twice (see `VideoLayout`). */

/**
 * `lines`: VILA-1.5, each frame a picture on a line of its own, in front of the text. `pictures`: NVILA since 2025, each frame a
 * picture, which passes the pooling of the video encoder by. `video`: NVILA before that and the hub's code, one placeholder
 * for what the video encoder gives. For Basic encoders the last two are the same features.
 */
export type VideoLayout = 'lines' | 'pictures' | 'video'

export const VIDEO_TOKEN = '<vila/video>'

const PICTURE = '<image>'

/** What stands for a video of so many frames. */
export function videoText(layout: VideoLayout, frames: number): string {
  switch (layout) {
    case 'lines':
      return `${PICTURE}\n`.repeat(frames)
    case 'pictures':
      return PICTURE.repeat(frames)
    case 'video':
      return VIDEO_TOKEN
  }
}
