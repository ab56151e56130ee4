/** Long base64 → bytes, a piece at a time, so that the thread that unpacks it does other work between. */
import { AerieError } from '../../errors.ts'
import { dataComma, decodeBase64, refuseUri } from '../data-uri.ts'

/** A multiple of 4. */
const PIECE_CHARACTERS = 64 * 1024
/** Up to the comma of a data URI: a media type and a file name need a fraction of it. */
const MAX_HEAD = 1024

/** Strict, but for white space. Throws `invalid_media`. */
export async function* base64Pieces(text: string, param: string): AsyncGenerator<Uint8Array> {
  refuseUri(text, param)
  const digits = text.trimEnd()
  if (digits === '') throw failed(param, 'base64 has no data')
  // White space may leave a few digits over that belong to the next piece.
  let rest = ''
  for (let at = 0; at < digits.length; at += PIECE_CHARACTERS) {
    const isLast = at + PIECE_CHARACTERS >= digits.length
    const piece = rest + digits.slice(at, at + PIECE_CHARACTERS).replace(/\s+/g, '')
    const whole = isLast ? piece.length : piece.length - (piece.length % 4)
    rest = piece.slice(whole)
    if (whole === 0) continue
    yield decodePiece(piece.slice(0, whole), isLast, at, param)
  }
}

/** The base64 of a `data:` URI. Throws `invalid_media` for a URI without, or of a media type that is no sound. */
export function base64Of(uri: string, param: string): string {
  const comma = dataComma(uri.slice(0, MAX_HEAD))
  if (comma < 0) throw failed(param, 'data URI has no comma before its data')
  const [type = '', ...attributes] = uri.slice('data:'.length, comma).split(';')
  if (!/^\s*((audio|video)\/[\w.+-]+|application\/(ogg|octet-stream))\s*$/i.test(type))
    throw failed(param, `data URI must be of a media type audio/…, not ${JSON.stringify(type)}`)
  if (!/^\s*base64\s*$/i.test(attributes.at(-1) ?? ''))
    throw failed(param, 'data URI of a sound must be in base64')
  return uri.slice(comma + 1)
}

function decodePiece(piece: string, isLast: boolean, at: number, param: string): Uint8Array {
  try {
    if (!isLast && piece.includes('=')) throw failed(param, 'padding')
    return decodeBase64(piece, { param, maxBytes: piece.length })
  } catch (cause) {
    // The place within a piece means nothing to whoever sent the whole.
    const why = isLast ? 'is damaged or cut short' : 'is damaged'
    throw failed(param, `base64 ${why} behind character ${at}`, cause)
  }
}

function failed(param: string, what: string, cause?: unknown): AerieError {
  return new AerieError('invalid_media', `${param}: ${what}`, { param, cause })
}
