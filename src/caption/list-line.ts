/** A line of a list: a path, a URL, or an object that says more. */
import { type BadLine, type ClipEntry, isUrl } from './job.ts'
import type { Line } from './lines.ts'
import { parseSegmentRule, SEGMENT_WORDS } from './segments.ts'

const KEYS = ['path', 'url', 'id', 'start', 'end', 'prompt', 'segment']
const LONGEST_ID = 1000

/** Undefined for an empty line and, where it is no object, for one that begins with `#`. */
export function parseListLine({ number, text }: Line): ClipEntry | BadLine | undefined {
  // A mark that some editors begin files with is no part of the first path.
  const line = (number === 1 ? text.replace(/^\uFEFF/, '') : text).trim()
  if (line === '' || line.startsWith('#')) return undefined
  const bad = (problem: string): BadLine => ({ id: `line ${number}`, problem })
  if (!line.startsWith('{')) {
    if (line.includes('\0')) return bad('expected a path or a URL, got one with a NUL')
    const nothing = { start: undefined, end: undefined, prompt: undefined, segment: undefined }
    return { id: line, source: line, ...nothing }
  }
  let value: Record<string, unknown>
  try {
    value = JSON.parse(line) as Record<string, unknown>
  } catch (error) {
    return bad(`expected JSON: ${(error as Error).message}`)
  }
  return readObject(value, bad)
}

function readObject(
  value: Readonly<Record<string, unknown>>,
  bad: (problem: string) => BadLine,
): ClipEntry | BadLine {
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key))
  if (unknown !== undefined) return bad(`${unknown}: expected only ${KEYS.join(', ')}`)
  const { path, url, start, end, prompt } = value
  if ((path === undefined) === (url === undefined)) return bad('expected path or url')
  const source = path ?? url
  if (typeof source !== 'string' || source === '' || source.includes('\0'))
    return bad(`${path === undefined ? 'url' : 'path'}: expected a text, got ${show(source)}`)
  if (path === undefined && !isUrl(source))
    return bad(`url: expected http or https, got ${show(source)}`)
  for (const [name, time] of Object.entries({ start, end })) {
    if (time !== undefined && !(typeof time === 'number' && Number.isFinite(time) && time >= 0))
      return bad(`${name}: expected seconds from 0 on, got ${show(time)}`)
  }
  if (typeof end === 'number' && end <= ((start as number | undefined) ?? 0))
    return bad(`end: expected more than start, got ${end}`)
  if (prompt !== undefined && (typeof prompt !== 'string' || prompt.trim() === ''))
    return bad(`prompt: expected a text, got ${show(prompt)}`)
  const segment =
    value['segment'] === undefined ? undefined : parseSegmentRule(String(value['segment']))
  if (value['segment'] !== undefined && segment === undefined)
    return bad(`segment: expected ${SEGMENT_WORDS}, got ${show(value['segment'])}`)
  const id = value['id'] ?? defaultId(source, start, end)
  if (typeof id !== 'string' || id === '' || id.length > LONGEST_ID)
    return bad(`id: expected a text of at most ${LONGEST_ID} characters, got ${show(id)}`)
  return {
    id,
    source,
    start: start as number | undefined,
    end: end as number | undefined,
    prompt,
    segment,
  }
}

/** Two parts of one clip are two clips; written as media fragments are. */
function defaultId(source: string, start: unknown, end: unknown): string {
  return start === undefined && end === undefined
    ? source
    : `${source}#t=${start ?? 0},${end ?? ''}`
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
