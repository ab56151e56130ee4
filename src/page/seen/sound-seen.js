/** What the model heard of a sound: its windows over the wave. */

import { formatBytes } from '../conversation/attachments.js'
import { h } from '../element.js'
import { useObjectUrl } from '../parts/object-url.js'
import { formatCount, formatSeconds } from '../parts/shares.js'
import { useEffect, useState } from '../vendor/hooks.js'
import { fact } from './picture-seen.js'

/** @typedef {import('../types.d.ts').SoundSeen} SoundSeen */

/** Columns of the wave. */
const COLUMNS = 160

/** @param {{ readonly sound: SoundSeen, readonly blob: Blob | undefined, readonly name: string }} props */
export function SoundHeard({ sound, blob, name }) {
  const { windows = 1, duration, tokens, bytes, format, codec } = sound
  const kind = [format, codec].filter((word, i, all) => word && all.indexOf(word) === i).join(' ')
  return h(
    'figure',
    { class: 'sound-seen' },
    blob ? h(Wave, { blob, windows }) : null,
    blob ? h(SoundPlayer, { blob, name }) : null,
    h(
      'figcaption',
      null,
      h('p', { class: 'seen-name' }, name),
      h(
        'dl',
        { class: 'facts' },
        fact(
          'Heard',
          `${formatSeconds(duration)}${kind ? `, ${kind}` : ''}${bytes ? `, ${formatBytes(bytes)}` : ''}`,
        ),
        fact('Windows', String(windows)),
        fact('Tokens', formatCount(tokens)),
        sound.cached ? fact('Features', `from the cache (${sound.cache ?? 'memory'})`) : null,
      ),
    ),
  )
}

/** @param {{ readonly blob: Blob, readonly name: string }} props */
export function SoundPlayer({ blob, name }) {
  const url = useObjectUrl(blob)
  return h('audio', { src: url ?? '', controls: true, 'aria-label': name })
}

/** @param {{ readonly blob: Blob, readonly windows: number }} props */
function Wave({ blob, windows }) {
  const [peaks, setPeaks] = useState(/** @type {readonly number[]} */ ([]))
  useEffect(() => {
    let isGone = false
    // A context that never plays: it only decodes. What the browser cannot decode has no wave.
    const context = new OfflineAudioContext(1, 1, 16_000)
    blob
      .arrayBuffer()
      .then((bytes) => context.decodeAudioData(bytes))
      .then(
        (audio) => isGone || setPeaks(peaksOf(audio.getChannelData(0), COLUMNS)),
        () => undefined,
      )
    return () => {
      isGone = true
    }
  }, [blob])
  if (peaks.length === 0) return null
  const d = peaks.map((peak, i) => `M${i} ${50 - 48 * peak}v${96 * peak + 1}`).join('')
  return h(
    'div',
    { class: 'wave', 'aria-hidden': 'true' },
    h(
      'svg',
      { viewBox: `0 0 ${COLUMNS} 100`, preserveAspectRatio: 'none' },
      h('path', { d, class: 'wave-line' }),
    ),
    Array.from({ length: windows }, (_, i) =>
      h('span', { key: i, class: 'window', style: { width: `${100 / windows}%` } }),
    ),
  )
}

/**
 * The largest magnitude of each of `count` stretches, of the loudest one.
 * @param {Float32Array} samples
 * @param {number} count
 * @returns {number[]} 0 … 1
 */
export function peaksOf(samples, count) {
  const length = Math.max(1, Math.ceil(samples.length / count))
  const peaks = Array.from({ length: count }, (_, i) =>
    samples
      .subarray(i * length, (i + 1) * length)
      .reduce((most, sample) => Math.max(most, Math.abs(sample)), 0),
  )
  const loudest = Math.max(1e-6, ...peaks)
  return peaks.map((peak) => peak / loudest)
}
