/** Items with large media in them ↔ items with marks in their places, and the media beside them: equal ones are then kept once. */

/** Shorter texts stay where they are. */
const LEAST_LENGTH = 4096
/** Fields whose texts may be media. */
const FIELDS = new Set(['image_url', 'file_data', 'video_url', 'data', 'url'])
/** No field of an item is called so. */
const MARK = '$medium'

type Json = unknown

/** A copy with marks, and what they stand for by their number. */
export function takeMedia(items: Json): { readonly items: Json; readonly media: string[] } {
  const media: string[] = []
  const copy = (value: Json, field: string): Json => {
    if (typeof value === 'string') {
      if (value.length < LEAST_LENGTH || !FIELDS.has(field)) return value
      return { [MARK]: media.push(value) - 1 }
    }
    return mapped(value, copy, field)
  }
  return { items: copy(items, ''), media }
}

/** The inverse of {@link takeMedia}. */
export function putMedia(items: Json, media: readonly string[]): Json {
  const copy = (value: Json, field: string): Json => {
    const place = (value as { readonly [MARK]?: unknown } | null)?.[MARK]
    return typeof place === 'number' ? media[place] : mapped(value, copy, field)
  }
  return copy(items, '')
}

function mapped(value: Json, copy: (value: Json, field: string) => Json, field: string): Json {
  if (Array.isArray(value)) return value.map((inner) => copy(inner, field))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copy(inner, name)]))
}
