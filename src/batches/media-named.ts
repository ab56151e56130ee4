/** Pictures, clips, sounds and files that a request names, so that lines which name the same can be run one behind the other. */
import { createHash } from 'node:crypto'

export interface MediaNamed {
  readonly media: number
  /** Hex digests of the first of them, and of all of them in order; undefined where there are none. */
  readonly firstMedia: string | undefined
  readonly allMedia: string | undefined
}

/** Fields whose texts are media where they are long enough to be: base64 without a scheme. */
const DATA_FIELDS = new Set(['data', 'file_data'])
const LEAST_DATA_LENGTH = 64
/** Fields whose texts are media where they are addresses. */
const URL_FIELDS = new Set(['url', 'image_url', 'video_url', 'audio_url', 'input'])

/** Looks for them by how they are written and not by where, so that each route may have places of its own. */
export function mediaNamed(body: object): MediaNamed {
  const all = createHash('sha256')
  let first: string | undefined
  let media = 0
  const see = (text: string) => {
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 32)
    all.update(digest)
    first ??= digest
    media++
  }
  // A stack of its own, because bodies may be nested deeper than ours is; from the back, so that what is first comes first.
  const open: [field: string, value: unknown][] = [['', body]]
  for (let next = open.pop(); next; next = open.pop()) {
    const [field, value] = next
    if (typeof value === 'string') {
      if (isMedium(field, value)) see(value)
    } else if (Array.isArray(value)) {
      for (const item of value.toReversed()) open.push([field, item])
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value).toReversed()) open.push([name, inner])
    }
  }
  return {
    media,
    firstMedia: first,
    allMedia: first === undefined ? undefined : all.digest('hex').slice(0, 32),
  }
}

function isMedium(field: string, text: string): boolean {
  if (field === 'file_id') return true
  if (DATA_FIELDS.has(field)) return text.length >= LEAST_DATA_LENGTH
  return URL_FIELDS.has(field) && /^(data:|https?:\/\/)/i.test(text)
}
