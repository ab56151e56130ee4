/** Clips for families that were not trained with any, or whose code for them is not published. */
import { middleFrames, wantedFrames } from './frame-count.ts'
import type { VideoRule } from './rule.ts'

/** As many as most published models that go by a number. */
const USUAL = 8

/** Frames as pictures behind their times; the line break behind a picture is the template's. */
export const timedPictures: VideoRule = {
  choose: (clip, wish) => middleFrames(clip.frames, wantedFrames(clip, wish, USUAL)),
  multiple: 1,
  prompt: { form: 'pictures', around: (second) => [`Frame at ${second.toFixed(2)} s: `, ''] },
  how: `${USUAL} frames, the middle one of each of as many equal parts, each a picture on a line of its own behind its time; the model was not trained with videos`,
}

/** For a model that was trained with one picture: the middle frame, and several only where they are asked for. */
export const onePicture: VideoRule = {
  choose: (clip, wish) => middleFrames(clip.frames, wantedFrames(clip, wish, 1)),
  multiple: 1,
  prompt: { form: 'pictures', around: () => ['', ''] },
  how: 'one frame, the middle one, as a picture: the model was trained with one picture and never with a video',
}
