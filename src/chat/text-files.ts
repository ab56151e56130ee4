/** Bytes of a file → text, and what can be said of files that are none. */
import { AerieError } from '../errors.ts'
import type { ContentPart } from './contract.ts'

/** Characters that no text has; line ends, tabs and form feeds are not among them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const BINARY = /[\0-\x08\x0e-\x1a\x1c-\x1f]/

/** UTF-16 by its byte order mark, as Excel and Notepad write it; else UTF-8, with a mark or without. */
function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  return 'utf-8'
}

/** Whether bytes begin as a text; `head` may end in the middle of a character. */
export function isText(head: Uint8Array): boolean {
  try {
    const text = new TextDecoder(encodingOf(head), { fatal: true }).decode(head, { stream: true })
    return !BINARY.test(text)
  } catch {
    return false
  }
}

/** Whether it has characters that no text has; false where it is not in the encoding that it begins in, which `toText` says. */
export function isBinary(head: Uint8Array): boolean {
  return BINARY.test(new TextDecoder(encodingOf(head)).decode(head, { stream: true }))
}

/**
 * As DeepSeek publishes for its models: a form that several have been trained with, and that all can read. Throws
 * `invalid_media` for what is not in the encoding that it begins in.
 */
export function toText(bytes: Uint8Array, filename: string, param: string): ContentPart {
  const encoding = encodingOf(bytes)
  try {
    const content = new TextDecoder(encoding, { fatal: true }).decode(bytes)
    const text = `[file name]: ${filename}\n[file content begin]\n${content}\n[file content end]\n`
    return { type: 'text', text, param }
  } catch (cause) {
    const message = `${param}: the text is not ${encoding.toUpperCase()}`
    throw new AerieError('invalid_media', message, { param, cause })
  }
}

interface Unreadable {
  readonly what: string
  /** What to send in its place. */
  readonly instead: string
}

const ARCHIVE: Unreadable = { what: 'a ZIP archive', instead: 'the files in it, each by itself' }
const OLDER_OFFICE: Unreadable = {
  what: 'a document of an older Office',
  instead: 'PDF, or CSV of a table',
}

/** ZIP archives by a name that stands near their beginning. */
const ZIPPED: readonly (readonly [mark: string, Unreadable])[] = [
  ['word/', { what: 'a Word document', instead: 'PDF' }],
  ['xl/', { what: 'an Excel workbook', instead: 'CSV or PDF' }],
  ['ppt/', { what: 'a PowerPoint presentation', instead: 'PDF' }],
  [
    'application/vnd.oasis.opendocument.spreadsheet',
    { what: 'an OpenDocument spreadsheet', instead: 'CSV or PDF' },
  ],
  ['application/vnd.oasis.opendocument', { what: 'an OpenDocument file', instead: 'PDF' }],
  ['application/epub', { what: 'an EPUB book', instead: 'PDF or text' }],
]

/** What a file is that cannot be shown as it is, and what to do; undefined where nothing better than its kind can be said. */
export function adviceFor(head: Uint8Array): string | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1')
  if (text.startsWith('\xd0\xcf\x11\xe0')) return inWords(OLDER_OFFICE)
  if (!text.startsWith('PK\x03\x04')) return undefined
  return inWords(ZIPPED.find(([mark]) => text.includes(mark))?.[1] ?? ARCHIVE)
}

const OFFICE_TYPES: readonly (readonly [pattern: RegExp, Unreadable])[] = [
  [/^application\/vnd\.openxmlformats-officedocument\.word/i, ZIPPED[0]![1]],
  [/^application\/vnd\.openxmlformats-officedocument\.spread/i, ZIPPED[1]![1]],
  [/^application\/vnd\.openxmlformats-officedocument\.pres/i, ZIPPED[2]![1]],
  [/^application\/vnd\.oasis\.opendocument\.spread/i, ZIPPED[3]![1]],
  [/^application\/vnd\.oasis\.opendocument/i, ZIPPED[4]![1]],
  [/^application\/(msword|vnd\.ms-(excel|powerpoint))/i, OLDER_OFFICE],
  [/^application\/(zip|x-zip-compressed)$/i, ARCHIVE],
]

/** As `adviceFor`, of a media type. */
export function adviceForType(type: string): string | undefined {
  const found = OFFICE_TYPES.find(([pattern]) => pattern.test(type))
  return found && inWords(found[1])
}

function inWords({ what, instead }: Unreadable): string {
  return `the file is ${what}, which cannot be read; send ${instead} in its place`
}
