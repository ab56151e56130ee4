/** data: URIs (RFC 2397) → bytes. Strict: a picture that came through damaged should say so here, not look odd to a model. */
import { AerieError } from '../errors.ts'

/** `param` is the request field, for messages; a URI whose bytes exceed `maxBytes` is refused before they exist. */
export interface DataUriOptions {
  readonly param: string
  readonly maxBytes: number
  /** What it is and which key bounds it, for messages; default pictures. */
  readonly subject?: string
  readonly limit?: string
  /** Media types that are taken, and how to say so; default pictures. */
  readonly types?: { readonly pattern: RegExp; readonly words: string }
}

const PICTURES = { pattern: /^image\/[\w.+-]+$/i, words: 'image/…' }

/** Characters up to the comma; a media type and a file name need a fraction of it. */
const MAX_HEAD = 1024

/** Browsers write `data:video/webm;codecs=vp8,opus;base64,…` of what they record, whose first comma is not the one before the data. */
const RECORDED =
  /^data:[^,;]{0,100};\s*codecs=(?:"[\w.,\s-]{0,200}"|[\w.,-]{0,200})(?=\s*;\s*base64\s*,)/i

/** Where the comma before the data stands, −1 without one. */
export function dataComma(uri: string): number {
  return uri.indexOf(',', RECORDED.exec(uri.slice(0, MAX_HEAD))?.[0].length)
}

/** Decodes `data:image/…[;name=value]*[;base64],…`. Throws `invalid_media` or `media_too_large`. */
export function decodeDataUri(uri: string, options: DataUriOptions): Uint8Array {
  const { param, types = PICTURES } = options
  const fail = failing(param)
  const comma = dataComma(uri)
  if (comma < 0) return fail('data URI has no comma before its data')
  if (comma > MAX_HEAD) return fail(`data URI has more than ${MAX_HEAD} characters before its data`)
  const [type = '', ...parameters] = uri.slice('data:'.length, comma).split(';')
  if (!types.pattern.test(type.trim())) {
    return fail(`data URI must be of a media type ${types.words}, not ${quote(type) || 'none'}`)
  }
  const isBase64 = /^\s*base64\s*$/i.test(parameters.at(-1) ?? '')
  const attributes = isBase64 ? parameters.slice(0, -1) : parameters
  if (!attributes.every((attribute) => attribute.includes('='))) {
    return fail('data URI has a parameter that is neither name=value nor base64 in the last place')
  }
  const data = uri.slice(comma + 1)
  const bytes = isBase64 ? fromBase64(data, fail) : fromPercent(data, fail)
  if (bytes.byteLength === 0) return fail('data URI has no data')
  return withinLimit(bytes, options)
}

/** Decodes bare base64 as strictly. */
export function decodeBase64(text: string, options: Omit<DataUriOptions, 'types'>): Uint8Array {
  const fail = failing(options.param)
  refuseUri(text, options.param)
  const bytes = fromBase64(text, fail)
  if (bytes.byteLength === 0) return fail('base64 has no data')
  return withinLimit(bytes, options)
}

/** Throws `invalid_media` for a data: URI where base64 alone is meant. */
export function refuseUri(text: string, param: string): void {
  if (!/^\s*data:/i.test(text)) return
  failing(param)('expected base64 alone, got a data: URI; send what is behind its comma')
}

function withinLimit(bytes: Uint8Array, options: DataUriOptions): Uint8Array {
  const { param, maxBytes, subject = 'image', limit = 'maxImageBytes' } = options
  if (bytes.byteLength <= maxBytes) return bytes
  const message = `${param}: ${subject} is ${bytes.byteLength} bytes, ${limit} is ${maxBytes}`
  throw new AerieError('media_too_large', message, { param })
}

type Fail = (what: string) => never

function failing(param: string): Fail {
  return (what) => {
    throw new AerieError('invalid_media', `${param}: ${what}`, { param })
  }
}

function fromBase64(data: string, fail: Fail): Uint8Array {
  const text = data.includes('%') ? Buffer.from(fromPercent(data, fail)).toString('latin1') : data
  return cleanBase64(text) ?? strictBase64(text, fail)
}

/**
 * What nearly every client sends: digits, then padding or none. Undefined for all else, without saying why: expressions
 * that look at every character cost ten times as much as decoding.
 */
function cleanBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const digits = text.length - padding
  if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined
  // Node also takes the URL alphabet, and characters beyond Latin-1 for their low byte.
  if (text.includes('-') || text.includes('_')) return undefined
  if (Buffer.byteLength(text) !== text.length) return undefined
  const bytes = Buffer.from(text, 'base64')
  // Any other stranger is skipped, so that even one leaves fewer bytes than that many digits hold.
  return bytes.byteLength === Math.floor((digits * 3) / 4) ? bytes : undefined
}

/** White space is tolerated, as from a wrapped file; missing padding too; nothing else outside the alphabet is. */
function strictBase64(unescaped: string, fail: Fail): Uint8Array {
  const text = /\s/.test(unescaped) ? withoutSpace(unescaped) : unescaped
  // A slice shares the text; `replace` would copy it.
  const digits = text.slice(0, text.length - (/={0,2}$/.exec(text)?.[0].length ?? 0))
  const stranger = /[^A-Za-z0-9+/]/.exec(digits)
  if (stranger) fail(`base64 has an invalid character at position ${stranger.index}`)
  if (digits.length % 4 === 1) fail('base64 is cut short: one digit is left over')
  if (text.length !== digits.length && text.length % 4 !== 0) fail('base64 has wrong padding')
  return Buffer.from(digits, 'base64')
}

/** By hand, as `replace` keeps the place of each of millions of spaces. Beyond ASCII is one stranger as good as another. */
function withoutSpace(text: string): string {
  const kept = Buffer.alloc(text.length)
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) continue
    kept[length++] = Math.min(code, 0x7f)
  }
  return kept.toString('latin1', 0, length)
}

/** URL characters as they are and %XX as one byte. */
function fromPercent(data: string, fail: Fail): Uint8Array {
  const bytes = Buffer.alloc(data.length)
  let length = 0
  for (let i = 0; i < data.length; i++, length++) {
    const code = data.charCodeAt(i)
    if (code !== 0x25) {
      if (code > 0x7e) fail(`data URI has an invalid character at position ${i} of its data`)
      bytes[length] = code
      continue
    }
    const high = hexDigit(data.charCodeAt(i + 1))
    const low = hexDigit(data.charCodeAt(i + 2))
    if (high < 0 || low < 0) fail(`data URI has a broken %-escape at position ${i} of its data`)
    bytes[length] = 16 * high + low
    i += 2
  }
  return bytes.subarray(0, length)
}

/** The value of a hexadecimal digit; -1 for any other character, and for none (NaN). */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

const quote = (text: string) => text && JSON.stringify(text.slice(0, 40))
