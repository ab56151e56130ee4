/** What the model saw: every picture, clip and sound of the request, and what its answer cost in tokens and time. */
import { h } from '../element.js'
import { formatCount, formatMs, Shares } from '../parts/shares.js'
import { ClipSeen } from './clip-seen.js'
import { DocumentRead } from './document-seen.js'
import { PictureSeen } from './picture-seen.js'
import { SoundHeard } from './sound-seen.js'

/** @typedef {import('../types.d.ts').Answer} Answer */
/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').StationTimes} StationTimes */
/** @typedef {import('../types.d.ts').Usage} Usage */

/** In the order in which a request comes by them, with what people call them. */
const STATIONS = /** @type {const} */ ([
  ['fetch', 'fetch'],
  ['decode', 'decode'],
  ['preprocess', 'resize'],
  ['disk', 'disk cache'],
  ['encode', 'towers'],
  ['queue', 'queue'],
  ['prefill', 'read prompt'],
  ['decode_tokens', 'write answer'],
])

/**
 * @param {{ readonly answer: Answer, readonly media: ReadonlyMap<string, Attachment> }} props media of the whole conversation by id
 */
export function SeenPanel({ answer, media }) {
  const { seen, usage, places } = answer
  if (!seen) return null
  /** @param {string} param such as `messages[0].content[1].image_url.url` */
  const attachmentAt = (param) => {
    const place = /^messages\[\d+\]\.content\[\d+\]/.exec(param)?.[0]
    return place === undefined ? undefined : media.get(places[place] ?? '')
  }
  /** @param {string} param */
  const shown = (param) => {
    const attachment = attachmentAt(param)
    return { blob: attachment?.blob, name: attachment?.name ?? param }
  }
  return h(
    'div',
    { class: 'seen' },
    seen.documents?.map((document, i) =>
      h(DocumentRead, { key: `d${i}`, document, name: shown(document.param).name }),
    ),
    seen.images?.map((image, i) => {
      const { blob, name } = shown(image.param)
      // A page of a document is none that the browser can draw.
      return h(PictureSeen, {
        key: `i${i}`,
        image,
        blob: image.page === undefined ? blob : undefined,
        name,
      })
    }),
    seen.videos?.map((clip, i) => h(ClipSeen, { key: `v${i}`, clip, ...shown(clip.param) })),
    seen.sounds?.map((sound, i) => h(SoundHeard, { key: `s${i}`, sound, ...shown(sound.param) })),
    h(
      'div',
      { class: 'figures' },
      usage ? h(Tokens, { usage }) : null,
      seen.timings_ms ? h(Stations, { times: seen.timings_ms }) : null,
    ),
    noteOf(seen) === '' ? null : h('p', { class: 'note' }, noteOf(seen)),
    seen.prompt
      ? h(
          'details',
          { class: 'prompt' },
          h('summary', null, 'The prompt as the model reads it'),
          h('pre', { tabIndex: 0, 'aria-label': 'Prompt' }, seen.prompt.text),
        )
      : null,
  )
}

/**
 * What else was at work, in words; empty where nothing was.
 * @param {import('../types.d.ts').Seen} seen
 */
function noteOf({ adapter, decoding }) {
  const { drafted_tokens: drafted = 0, accepted_tokens: accepted = 0 } = decoding ?? {}
  return [
    adapter && `With the adapter ${adapter.name} of rank ${adapter.rank}.`,
    drafted > 0 && `Of ${formatCount(drafted)} guessed tokens ${formatCount(accepted)} were right.`,
  ]
    .filter(Boolean)
    .join(' ')
}

/** @param {{ readonly usage: Usage }} props */
function Tokens({ usage }) {
  const { prompt_tokens_details: prompt, completion_tokens: written } = usage
  const cached = prompt.cached_tokens
  const shares = [
    { name: 'text', value: prompt.text_tokens, tone: 'text' },
    { name: 'pictures', value: prompt.image_tokens, tone: 'image' },
    { name: 'clips', value: prompt.video_tokens, tone: 'video' },
    { name: 'sound', value: prompt.audio_tokens, tone: 'audio' },
    { name: 'answer', value: written, tone: 'answer' },
  ].map((share) => ({ ...share, shown: formatCount(share.value) }))
  const known = cached > 0 ? `, ${formatCount(cached)} from the prefix cache` : ''
  return h(Shares, { title: 'Tokens', total: formatCount(usage.total_tokens) + known, shares })
}

/** @param {{ readonly times: StationTimes }} props */
function Stations({ times }) {
  const shares = STATIONS.map(([station, name]) => {
    const value = times[station] ?? 0
    return { name, value, shown: formatMs(value), tone: station }
  })
  const total = shares.reduce((sum, { value }) => sum + value, 0)
  return h(Shares, { title: 'Time at each station', total: formatMs(total), shares })
}
