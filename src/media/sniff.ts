/** What bytes are, by their own first bytes. A declared content type or file name is never believed. */
import { soundFormat } from './sound/sound-format.ts'
import type { ImageHeader } from './types.ts'

export type Sniffed =
  | { readonly is: 'picture'; readonly format: ImageHeader['format'] }
  /** A picture of a format that this server does not decode. */
  | { readonly is: 'unsupported'; readonly name: string }
  /** A clip; `name` reads well after "is". Whether it can be decoded, only ffmpeg knows. */
  | { readonly is: 'video'; readonly name: string }
  /** A file of sound alone, as far as its beginning tells; `name` reads well after "is". */
  | { readonly is: 'sound'; readonly name: string }
  /** None of these; `name` reads well after "is". */
  | { readonly is: 'other'; readonly name: string }

type Signature = readonly [offset: number, bytes: string, found: Sniffed]

const picture = (format: ImageHeader['format']): Sniffed => ({ is: 'picture', format })
const unsupported = (name: string): Sniffed => ({ is: 'unsupported', name })
const video = (name: string): Sniffed => ({ is: 'video', name })
const sound = (name: string): Sniffed => ({ is: 'sound', name })
const other = (name: string): Sniffed => ({ is: 'other', name })

/** First match wins. Bytes are Latin-1, so that they can be compared as text. */
const SIGNATURES: readonly Signature[] = [
  [0, '\xff\xd8\xff', picture('jpeg')],
  [0, '\x89PNG\r\n\x1a\n', picture('png')],
  [0, 'GIF87a', picture('gif')],
  [0, 'GIF89a', picture('gif')],
  [8, 'WEBP', picture('webp')],
  [0, 'II*\0', picture('tiff')],
  [0, 'MM\0*', picture('tiff')],
  [0, 'II+\0', picture('tiff')],
  [0, 'MM\0+', picture('tiff')],
  [0, '\xff\x0a', unsupported('JPEG XL')],
  [4, 'JXL \r\n', unsupported('JPEG XL')],
  [4, 'jP  \r\n', unsupported('JPEG 2000')],
  [0, '\xff\x4f\xff\x51', unsupported('JPEG 2000')],
  [0, 'BM', unsupported('BMP')],
  [0, '\0\0\x01\0', unsupported('ICO')],
  [0, '8BPS', unsupported('Photoshop')],
  [128, 'DICM', unsupported('DICOM')],
  [0, '%PDF', other('a PDF document')],
  [0, '%!PS', other('a PostScript document')],
  [0, 'PK\x03\x04', other('a ZIP archive')],
  [0, '\x1f\x8b', other('gzip data')],
  [0, '\x1a\x45\xdf\xa3', video('a Matroska video')],
  [8, 'AVI ', video('an AVI video')],
  [4, 'moov', video('a QuickTime video')],
  [4, 'mdat', video('a QuickTime video')],
  [4, 'wide', video('a QuickTime video')],
  [0, '\0\0\x01\xba', video('an MPEG video')],
  [0, '\0\0\x01\xb3', video('an MPEG video')],
  [0, 'FLV\x01', video('a Flash video')],
  [0, 'DKIF', video('an IVF video')],
  [0, '\x30\x26\xb2\x75\x8e\x66\xcf\x11', video('a Windows Media video')],
]

/** Reads well after "is". */
export function pictureName(format: ImageHeader['format']): string {
  return `${withArticle(format.toUpperCase())} picture`
}

/** Of formats by their names: AVIF and ICO are said with a vowel first, SVG too. */
export function withArticle(name: string): string {
  return `${/^(AVIF|ICO|SVG)/.test(name) ? 'an' : 'a'} ${name}`
}

/** Says what the bytes are; reads at most their first 4 kB. */
export function sniff(bytes: Uint8Array): Sniffed {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 4096))
  const text = head.toString('latin1')
  if (text.startsWith('ftyp', 4)) return isoMedia(text)
  const found = SIGNATURES.find(([offset, magic]) => text.startsWith(magic, offset))
  if (found) return found[2]
  return streamed(text) ?? markup(text) ?? heard(head) ?? other('not of any known picture format')
}

/** ISO base media: the major brand at 8, then compatible brands to the end of the box. */
function isoMedia(text: string): Sniffed {
  const size = Math.min(text.length, Buffer.from(text.slice(0, 4), 'latin1').readUInt32BE())
  const brands: readonly string[] = text.slice(8, size).match(/.{4}/gs) ?? []
  const has = (...names: string[]) => names.some((name) => brands.includes(name))
  if (has('avif', 'avis')) return picture('avif')
  if (has('heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1')) return picture('heif')
  return has('M4A ', 'M4B ') ? sound('an MP4 sound') : video('an MP4 video')
}

/** Packets of a transport stream begin alike, 188 bytes apart, or 192 where cameras and discs write a time before each; what an Ogg file has in it stands in its first pages. */
function streamed(text: string): Sniffed | undefined {
  const isTransport = [
    [0, 188],
    [4, 192],
  ].some(([at = 0, size = 0]) => [0, 1, 2].every((n) => text[at + n * size] === 'G'))
  if (isTransport) return video('an MPEG transport stream')
  if (!text.startsWith('OggS')) return undefined
  return text.includes('theora') ? video('an Ogg video') : sound('an Ogg sound')
}

function heard(head: Uint8Array): Sniffed | undefined {
  const format = soundFormat(head)
  return format && sound(format.words)
}

function markup(text: string): Sniffed | undefined {
  const start = text
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart()
    .toLowerCase()
  if (!start.startsWith('<')) return undefined
  if (start.startsWith('<!doctype html') || start.startsWith('<html')) return other('an HTML page')
  return /<svg[\s/>]/.test(start) ? picture('svg') : other('an XML or HTML document')
}
