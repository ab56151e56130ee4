/** How Eagle 2 and 2.5 look at videos. */
import { middleFrames, wantedFrames } from '../video/frame-count.ts'
import { oneStretchEach, type VideoRule } from '../video/rule.ts'
import { chooseFrames, chooseMiddleFrames, MAX_FRAMES } from './frame-choice.ts'
import { MOST_VIDEOS, type PictureMarks, videoLines, videoText } from './video-prompt.ts'

/** Frames that the published demo of the first generation takes. */
const DEMO_FRAMES = 64

/** Eagle 2.5, and Eagle 2 as republished with it. */
export function eagle25Video(marks: PictureMarks): VideoRule {
  return {
    choose: ({ frames, fps }, wish) =>
      // The published rule knows pairs alone and takes a limit of one for none.
      wish.maxFrames === 1
        ? middleFrames(frames, 1)
        : chooseFrames({ totalFrames: frames, fps }, wish).indices,
    mostAtRate: MAX_FRAMES,
    multiple: 2,
    maxVideos: MOST_VIDEOS,
    prompt: {
      form: 'video',
      placeholder: (number) => `<video-${number}>`,
      write: ({ seconds, sampledFps }, number, rows) => ({
        texts: videoText(
          number,
          seconds.length,
          { seconds, ...(sampledFps !== undefined && { fps: sampledFps }) },
          marks,
        ),
        stretches: oneStretchEach(seconds.length, rows),
      }),
    },
    how: '2 frames a second in pairs, 4 to 256 of them, evenly from the first to the last; the prompt says the time of each',
  }
}

/** Eagle 2 as first published. */
export function eagle2Video(marks: PictureMarks): VideoRule {
  return {
    choose: (clip, wish) =>
      chooseMiddleFrames(
        { totalFrames: clip.frames, fps: clip.fps },
        wantedFrames(clip, wish, DEMO_FRAMES),
      ).indices,
    multiple: 1,
    prompt: {
      form: 'video',
      placeholder: () => '<video>',
      write: ({ seconds }, _, rows) => ({
        texts: videoLines(seconds, marks),
        stretches: oneStretchEach(seconds.length, rows),
      }),
    },
    how: `${DEMO_FRAMES} frames, the middle one of each of as many equal parts; the prompt says the time of each`,
  }
}
