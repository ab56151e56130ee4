/** What the model saw of a clip: its frames on a time line. */

import { formatBytes } from '../conversation/attachments.js'
import { h } from '../element.js'
import { useObjectUrl } from '../parts/object-url.js'
import { formatCount, formatSeconds } from '../parts/shares.js'
import { useEffect, useRef, useState } from '../vendor/hooks.js'
import { drawFrames, MOST_FRAMES } from './clip-frames.js'
import { fact } from './picture-seen.js'

/** @typedef {import('../types.d.ts').VideoSeen} VideoSeen */

/** @param {{ readonly clip: VideoSeen, readonly blob: Blob | undefined, readonly name: string }} props */
export function ClipSeen({ clip, blob, name }) {
  const player = useRef(/** @type {HTMLVideoElement | null} */ (null))
  const { duration, start, end, times } = clip
  const show = (/** @type {number} */ time) => {
    if (player.current) player.current.currentTime = time
  }
  return h(
    'figure',
    { class: 'clip-seen' },
    h(
      'div',
      { class: 'clip-top' },
      blob ? h(Player, { blob, name, player }) : null,
      h(
        'figcaption',
        null,
        h('p', { class: 'seen-name' }, name),
        h(
          'dl',
          { class: 'facts' },
          clip.clip ? fact('Clip', fileInWords(clip.clip, duration)) : null,
          fact('Looked at', `${formatSeconds(start)} – ${formatSeconds(end)}, ${clip.sampling}`),
          fact('Frames', `${times.length}${tilesInWords(clip)}`),
          fact('Tokens', formatCount(clip.tokens)),
          clip.cached_frames
            ? fact('From the cache', `${clip.cached_frames} of ${times.length}`)
            : null,
        ),
      ),
    ),
    h(TimeLine, { duration, start, end, times, onChoose: show }),
    blob && times.length <= MOST_FRAMES ? h(Frames, { blob, times, onChoose: show }) : null,
  )
}

/**
 * @param {NonNullable<VideoSeen['clip']>} file
 * @param {number} duration seconds
 */
function fileInWords({ width, height, codec, bytes }, duration) {
  return `${width} × ${height}, ${formatSeconds(duration)}, ${codec}, ${formatBytes(bytes)}`
}

/** @param {VideoSeen} clip */
function tilesInWords({ tiles_per_frame: tiles = 1 }) {
  return tiles > 1 ? `, ${tiles} tiles each` : ''
}

/**
 * @param {{ readonly blob: Blob, readonly name: string, readonly player: { current: HTMLVideoElement | null } }} props
 */
function Player({ blob, name, player }) {
  const url = useObjectUrl(blob)
  return h('video', {
    ref: player,
    src: url ?? '',
    controls: true,
    muted: true,
    playsInline: true,
    'aria-label': name,
  })
}

/**
 * @param {{ readonly duration: number, readonly start: number, readonly end: number, readonly times: readonly number[], readonly onChoose: (time: number) => void }} props
 */
function TimeLine({ duration, start, end, times, onChoose }) {
  const at = (/** @type {number} */ time) => `${(100 * time) / Math.max(duration, 1e-6)}%`
  return h(
    'div',
    { class: 'time-line', role: 'group', 'aria-label': 'Frames on the time line' },
    h('span', { class: 'range', style: { left: at(start), width: at(end - start) } }),
    times.map((time, i) =>
      h('button', {
        key: i,
        type: 'button',
        class: 'mark',
        'aria-label': `Frame ${i + 1} at ${formatSeconds(time)}`,
        title: formatSeconds(time),
        style: { left: at(time) },
        onClick: () => onChoose(time),
      }),
    ),
    h('span', { class: 'from' }, '0'),
    h('span', { class: 'to' }, formatSeconds(duration)),
  )
}

/**
 * @param {{ readonly blob: Blob, readonly times: readonly number[], readonly onChoose: (time: number) => void }} props
 */
function Frames({ blob, times, onChoose }) {
  const [frames, setFrames] = useState(/** @type {readonly string[]} */ ([]))
  useEffect(() => {
    const abort = new AbortController()
    /** @type {string[]} */
    const drawn = []
    drawFrames(blob, times, abort.signal, (i, frame) => {
      drawn[i] = frame.toDataURL('image/jpeg', 0.8)
      setFrames([...drawn])
    }).catch(() => undefined) // The browser cannot play it: marks are enough.
    return () => abort.abort()
  }, [blob, times])
  if (frames.length === 0) return null
  return h(
    'ol',
    { class: 'frames' },
    frames.map((uri, i) => {
      const time = /** @type {number} */ (times[i])
      return h(
        'li',
        { key: i },
        h(
          'button',
          { type: 'button', onClick: () => onChoose(time) },
          h('img', { src: uri, alt: `The frame at ${formatSeconds(time)}` }),
          h('span', null, formatSeconds(time)),
        ),
      )
    }),
  )
}
