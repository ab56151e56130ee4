/**
 * The exact bytes of each token, so that text can be streamed without ever guessing at half a code point.
 * Source of the rules: the `decoder` section of Hugging Face's tokenizer.json.
 */

/** Turns a vocabulary entry into its bytes. */
export type TokenToBytes = (token: string) => Uint8Array

/** What a tokenizer.json says about decoding, reduced to what matters for bytes. */
export interface ByteRule {
  readonly toBytes: TokenToBytes
  /** SentencePiece tokenizers put a space before the first word; decoding takes it off again. */
  readonly stripLeadingSpace: boolean
}

const utf8 = new TextEncoder()

/** GPT-2's printable stand-ins for the 256 bytes (`bytes_to_unicode` in openai/gpt-2 encoder.py). */
function byteLevelAlphabet(): Map<string, number> {
  const printable = (b: number) =>
    (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff)
  const alphabet = new Map<string, number>()
  let next = 256
  for (let b = 0; b < 256; b++) {
    alphabet.set(String.fromCodePoint(printable(b) ? b : next++), b)
  }
  return alphabet
}

function byteLevel(): TokenToBytes {
  const alphabet = byteLevelAlphabet()
  return (token) => {
    const bytes: number[] = []
    for (const character of token) {
      const b = alphabet.get(character)
      // A character outside the alphabet can only come from an added token, which is plain text.
      if (b === undefined) return utf8.encode(token)
      bytes.push(b)
    }
    return Uint8Array.from(bytes)
  }
}

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/

function sentencePiece(spaceMark: string): TokenToBytes {
  return (token) => {
    const byte = BYTE_TOKEN.exec(token)
    if (byte) return Uint8Array.of(Number.parseInt(byte[1]!, 16))
    return utf8.encode(token.replaceAll(spaceMark, ' '))
  }
}

interface DecoderSpec {
  readonly type?: string
  readonly decoders?: readonly DecoderSpec[]
  readonly pattern?: { readonly String?: string }
  readonly content?: string
  readonly replacement?: string
  readonly start?: number
  readonly add_prefix_space?: boolean
  readonly prepend_scheme?: string
}

/**
 * Reads the rule from the `decoder` of a tokenizer.json.
 * Throws Error for a decoder whose bytes this function cannot tell.
 */
export function byteRule(decoder: unknown): ByteRule {
  const spec = decoder as DecoderSpec | null
  const steps = spec?.type === 'Sequence' ? (spec.decoders ?? []) : spec ? [spec] : []
  const find = (type: string) => steps.find((step) => step.type === type)
  if (find('ByteLevel')) return { toBytes: byteLevel(), stripLeadingSpace: false }
  const metaspace = find('Metaspace')
  if (metaspace) {
    const prepends = metaspace.prepend_scheme !== 'never' && metaspace.add_prefix_space !== false
    return { toBytes: sentencePiece(metaspace.replacement ?? '▁'), stripLeadingSpace: prepends }
  }
  const replace = find('Replace')
  if (replace?.content === ' ' && replace.pattern?.String) {
    const strip = find('Strip')
    return {
      toBytes: sentencePiece(replace.pattern.String),
      stripLeadingSpace: strip?.content === ' ' && (strip.start ?? 0) > 0,
    }
  }
  const names = steps.map((step) => step.type).join(', ') || 'none'
  throw new Error(
    `tokenizer.json: decoder [${names}] is not supported (expected ByteLevel, Metaspace or Replace)`,
  )
}
