/** Frames of a clip as the browser shows them, for the time line. */

/** Beyond it the time line has marks alone. */
export const MOST_FRAMES = 24

const HEIGHT = 96
/** Of one seek; clips that the browser cannot play never finish one. */
const PATIENCE_MS = 4000

/**
 * @param {Blob} blob
 * @param {readonly number[]} times seconds
 * @param {AbortSignal} signal
 * @param {(index: number, frame: HTMLCanvasElement) => void} show
 * @returns {Promise<void>} rejects where the browser cannot play it
 */
export async function drawFrames(blob, times, signal, show) {
  const url = URL.createObjectURL(blob)
  const video = document.createElement('video')
  video.muted = true
  video.preload = 'auto'
  try {
    const ready = event(video, 'loadeddata', signal)
    video.src = url
    await ready
    for (const [i, time] of times.slice(0, MOST_FRAMES).entries()) {
      const found = event(video, 'seeked', signal)
      // A frame is shown from its time on; a little later is surely in it.
      video.currentTime = Math.min(time + 0.001, Math.max(0, video.duration - 0.001))
      await found
      show(i, capture(video))
    }
  } finally {
    video.removeAttribute('src')
    video.load()
    URL.revokeObjectURL(url)
  }
}

/** @param {HTMLVideoElement} video */
function capture(video) {
  const canvas = document.createElement('canvas')
  canvas.height = HEIGHT
  canvas.width = Math.max(1, Math.round((HEIGHT * video.videoWidth) / video.videoHeight))
  canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height)
  return canvas
}

/**
 * @param {HTMLVideoElement} video
 * @param {'loadeddata' | 'seeked'} name
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function event(video, name, signal) {
  const { promise, resolve, reject } = Promise.withResolvers()
  const within = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
  video.addEventListener(name, () => resolve(undefined), { once: true, signal: within })
  video.addEventListener('error', () => reject(video.error), { once: true, signal: within })
  within.addEventListener('abort', () => reject(within.reason), { once: true })
  return promise
}
