/** Clips, and frames of clips, that are uploaded files → parts by their paths. */
import type {
  ContentPart,
  FiledPicture,
  FiledVideo,
  PicturePart,
  VideoPart,
  VideoSampling,
} from './contract.ts'

/** A file as the machine has it. */
export interface StoredClip {
  readonly fileId: string
  readonly path: string
  readonly byteLength: number
}

/** As the family looks at clips by itself. */
export const USUAL_SAMPLING: VideoSampling = {
  ...{ fps: undefined, maxFrames: undefined, start: undefined, end: undefined },
  ...{ sampling: 'uniform', times: undefined },
}

/** The clip of a `file` part, which has no words for its sampling. `from`: where it lies, or its data: URI. */
export function clipOfFile(from: VideoPart['from'], param: string): VideoPart {
  return { type: 'video', from, sampling: USUAL_SAMPLING, param, samplingParam: param }
}

/** Finds the files of a part. `clip` and `picture` reject where a file is none, naming the field. */
export async function openVideo(
  part: FiledVideo,
  open: {
    clip(fileId: string, param: string): Promise<StoredClip>
    picture(filed: FiledPicture): Promise<PicturePart>
  },
): Promise<ContentPart> {
  if (part.type === 'filed-video') {
    const { fileId, sampling, param, samplingParam } = part
    const from = await open.clip(fileId, param)
    return { type: 'video', from, sampling, param, samplingParam }
  }
  const frames: { picture: PicturePart; time: number }[] = []
  for (const { picture, time } of part.frames) {
    frames.push({
      time,
      picture: picture.type === 'image' ? picture : await open.picture(picture),
    })
  }
  return { type: 'frames', frames, param: part.param }
}
