/** The programs of decoder processes, and what each decodes. */
import type { DecoderOptions } from './decoder.ts'

type Kind = Pick<DecoderOptions, 'program' | 'words' | 'hasChildren' | 'isCancellable'>

export const PICTURE_DECODER: Kind = {
  program: new URL('decoder-program.ts', import.meta.url),
  words: { subject: 'image', timeout: 'decodeTimeoutMs' },
}

/** Native code that hangs sits in a process of its own there, so that the decoder itself can always listen. */
export const CLIP_DECODER: Kind = {
  program: new URL('video/clip-program.ts', import.meta.url),
  words: { subject: 'clip', timeout: 'videoTimeoutMs' },
  hasChildren: true,
  isCancellable: true,
}
