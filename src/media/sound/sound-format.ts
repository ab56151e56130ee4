/** What a file of sound is, by its own first bytes, and the names that requests have for it. */

export interface SoundFormat {
  /** As `format` of a request has it. */
  readonly name: 'wav' | 'mp3' | 'flac' | 'ogg' | 'm4a' | 'aac' | 'webm' | 'aiff' | 'caf' | 'amr'
  /** Where the first bytes say so. */
  readonly codec?: string
  /** Reads well after "is". */
  readonly words: string
}

/** A few of the beginning, as Latin-1, are enough for all but those behind an ID3 tag. */
export const SOUND_HEAD_BYTES = 4096

/** Names that a request may give, and the formats that they may mean. */
const CLAIMS: Readonly<Record<string, readonly SoundFormat['name'][]>> = {
  wav: ['wav'],
  mp3: ['mp3'],
  mpga: ['mp3'],
  mpeg: ['mp3'],
  flac: ['flac'],
  ogg: ['ogg'],
  oga: ['ogg'],
  opus: ['ogg'],
  m4a: ['m4a'],
  mp4: ['m4a'],
  aac: ['aac', 'm4a'],
  webm: ['webm'],
  aiff: ['aiff'],
  caf: ['caf'],
  amr: ['amr'],
}

/** What `format` of a request may be. */
export const SOUND_FORMATS: readonly string[] = Object.keys(CLAIMS)

/** Whether a request that gives this name for the format tells the truth. */
export function isFormat(claim: string, { name, codec }: SoundFormat): boolean {
  if (claim === 'opus') return codec === 'opus'
  return CLAIMS[claim]?.includes(name) ?? false
}

/** Undefined for what begins like none of them. */
export function soundFormat(head: Uint8Array): SoundFormat | undefined {
  const text = Buffer.from(
    head.buffer,
    head.byteOffset,
    Math.min(head.byteLength, SOUND_HEAD_BYTES),
  ).toString('latin1')
  const begins = (bytes: string, at = 0) => text.startsWith(bytes, at)
  if (begins('RIFF') && begins('WAVE', 8)) return { name: 'wav', words: 'a WAVE sound' }
  if (begins('riff\x2e\x91\xcf\x11')) return { name: 'wav', words: 'a Wave64 sound' }
  if (begins('RF64') && begins('WAVE', 8)) return { name: 'wav', words: 'a WAVE sound' }
  if (begins('fLaC')) return { name: 'flac', codec: 'flac', words: 'a FLAC sound' }
  if (begins('OggS')) return oggFormat(text)
  if (begins('ftyp', 4)) return { name: 'm4a', words: 'an MP4 sound' }
  if (begins('\x1a\x45\xdf\xa3')) return { name: 'webm', words: 'a Matroska sound' }
  if (begins('FORM') && (begins('AIFF', 8) || begins('AIFC', 8)))
    return { name: 'aiff', words: 'an AIFF sound' }
  if (begins('caff\0')) return { name: 'caf', words: 'a CAF sound' }
  if (begins('#!AMR')) return { name: 'amr', codec: 'amr', words: 'an AMR sound' }
  if (begins('ID3')) return { name: 'mp3', words: 'an MP3 sound' }
  return mpegFrame(head)
}

/** What an Ogg file has in it stands in its first page. */
function oggFormat(text: string): SoundFormat {
  const codecs = {
    OpusHead: 'opus',
    '\x01vorbis': 'vorbis',
    '\x7fFLAC': 'flac',
    'Speex  ': 'speex',
  }
  const found = Object.entries(codecs).find(([mark]) => text.slice(0, 512).includes(mark))
  return { name: 'ogg', words: 'an Ogg sound', ...(found && { codec: found[1] }) }
}

/** Eleven bits of ones, then version and layer: ISO 11172-3, and 13818-7 for AAC without a container. */
function mpegFrame([first = 0, second = 0]: Uint8Array): SoundFormat | undefined {
  if (first !== 0xff) return undefined
  if ((second & 0xf6) === 0xf0) return { name: 'aac', codec: 'aac', words: 'an AAC sound' }
  const isLayer3 = (second & 0xe6) === 0xe2 && (second & 0x18) !== 0x08
  return isLayer3 ? { name: 'mp3', codec: 'mp3', words: 'an MP3 sound' } : undefined
}

/**
 * Bytes of an ID3 tag at the beginning, which stands before MP3 mostly, and before FLAC and AAC at times; 0 where there is none.
 */
export function tagBytes(head: Uint8Array): number {
  const [i, d, three, , , , a = 0, b = 0, c = 0, e = 0] = head
  const isTag = i === 0x49 && d === 0x44 && three === 0x33 && (a | b | c | e) < 0x80
  return isTag ? 10 + a * 2 ** 21 + b * 2 ** 14 + c * 2 ** 7 + e : 0
}
