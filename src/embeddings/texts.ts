/** Texts → vectors in the space of one of a tower's outputs of pictures. */
import { createHash } from 'node:crypto'
import type { TextTower } from '../../models/family.ts'
import type { Encoder } from '../engine/types.ts'
import { AerieError } from '../errors.ts'
import type { TextsToIds } from '../tokenizer/encoder-thread.ts'
import type { TokenTable } from '../tokenizer/token-table.ts'
import type { EmbeddedText, EmbeddingInput } from './contract.ts'

/** The side of a tower that reads. */
export interface TextSide {
  readonly tower: TextTower
  readonly tokenizer: TokenTable
  readonly encoder: TextsToIds
  /** What a text is filled up with. */
  readonly padId: number
  /** With which the tokenizer ends a text; undefined where it adds nothing. */
  readonly endId: number | undefined
}

/** A text cut into tokens. */
export interface ReadText {
  readonly type: 'text'
  /** `[maxTokens]`, filled up. */
  readonly tokens: Int32Array
  /** Own tokens, with those that the tokenizer puts around a text. */
  readonly length: number
}

type TextInput = Exclude<EmbeddingInput, { type: 'image' }>

/** What of a text side must be known of its tokenizer. Rejects with `invalid_package` for one that has no padding, or more tokens than the tower. */
export async function textSide(
  tower: TextTower,
  encoder: TextsToIds & Pick<TextSide, 'tokenizer'>,
): Promise<TextSide> {
  const { tokenizer } = encoder
  const pad = tokenizer.config['pad_token']
  const name = typeof pad === 'object' && pad !== null && 'content' in pad ? pad.content : pad
  const padId = typeof name === 'string' ? tokenizer.idOf(name) : undefined
  if (padId === undefined) {
    const what = `tokenizer_config.json: pad_token: expected a token of the vocabulary, got ${JSON.stringify(pad)}`
    throw new AerieError('invalid_package', what)
  }
  const [nothing] = await encoder.encode([''], { whole: true })
  return { tower, tokenizer, encoder, padId, endId: nothing!.at(-1) }
}

/** In order. Rejects with `context_length_exceeded`, and with `invalid_request` for ids that are none of a whole text. */
export async function readTexts(side: TextSide, inputs: readonly TextInput[]): Promise<ReadText[]> {
  const { tower, encoder } = side
  const { maxTokens } = tower
  const written = inputs.flatMap((input) => (input.type === 'text' ? [prepared(side, input)] : []))
  const encoded = (await encoder.encode(written, { whole: true })).values()
  return inputs.map((input) => {
    const ids = input.type === 'ids' ? checkedIds(side, input) : encoded.next().value!
    if (ids.length > maxTokens) throw tooLong(side, input, `the text is ${ids.length} tokens long`)
    if (ids.some((id) => id >= tower.vocabSize))
      throw new Error('the tokenizer has more tokens than the tower')
    const tokens = new Int32Array(maxTokens).fill(side.padId)
    tokens.set(ids)
    return { type: 'text', tokens, length: ids.length }
  })
}

function prepared(side: TextSide, input: Extract<TextInput, { type: 'text' }>): string {
  const { tower, tokenizer } = side
  const text = PREPARED[tower.preparation](input.text)
  // Before any work that grows with the text.
  if (text.length > tower.maxTokens * tokenizer.maxTokenBytes)
    throw tooLong(side, input, `the text has ${text.length} characters`)
  return text
}

/**
 * Ids are read as they are. Those of another vocabulary, or without the token that ends a text, at whose place its meaning is
 * looked up, would give a vector of nothing: they are refused as far as they can be told.
 */
function checkedIds(
  { tower, endId: end }: TextSide,
  { ids, param }: Extract<TextInput, { type: 'ids' }>,
): readonly number[] {
  const invalid = (at: number, what: string) => {
    const field = `${param}[${at}]`
    const message = `${field}: expected ${what}, got ${ids[at]}`
    return new AerieError('invalid_request', message, { param: field })
  }
  const stranger = ids.findIndex((id) => id >= tower.vocabSize)
  if (stranger >= 0) throw invalid(stranger, `a token id below ${tower.vocabSize}`)
  if (end !== undefined && ids.at(-1) !== end)
    throw invalid(ids.length - 1, `${end} as the last, with which the tokenizer ends a text`)
  return ids
}

function tooLong({ tower }: TextSide, { param }: TextInput, what: string): AerieError {
  const { maxTokens } = tower
  const message = `${param}: ${what}, and the tower reads ${maxTokens} tokens; it was trained on captions`
  return new AerieError('context_length_exceeded', message, { param })
}

export interface TextErrand {
  readonly encoder: Encoder
  /** Everything that decides the numbers beside the text, and the tenant. */
  readonly scope: readonly string[]
  readonly channels: number
  readonly signal: AbortSignal
  readonly took: (station: string, ms: number) => void
}

export async function embedText(
  { tokens, length }: ReadText,
  { encoder, scope, channels, signal, took }: TextErrand,
): Promise<EmbeddedText> {
  const key = createHash('sha256')
    .update(JSON.stringify(['text', ...scope, length]))
    .update(tokens)
    .digest('hex')
  const text = (values: Float32Array, cached: boolean): EmbeddedText => {
    if (values.length !== channels)
      throw new Error(`a text has ${values.length} numbers, expected ${channels}`)
    return { type: 'text', values, shape: [channels], tokens: length, cached }
  }
  const known = await encoder.lookup(key)
  if (known?.from === 'disk') took('disk', known.readMs)
  if (known) return text(known.features.data, true)
  const encoded = await encoder.encode({ key, tokens, end: length - 1 }, signal)
  took('encode', encoded.queueMs + encoded.encodeMs)
  return text(encoded.features.data, encoded.cached)
}

const PREPARED: Readonly<Record<TextTower['preparation'], (text: string) => string>> = {
  none: (text) => text,
  'lower-case': (text) => text.toLowerCase(),
  // `SiglipTokenizer`: Python's `string.punctuation` goes, and white space becomes single spaces between words.
  canonical: (text) =>
    text
      .toLowerCase()
      .replace(/[!-/:-@[-`{-~]/g, '')
      .replace(/\s+/g, ' ')
      .trim(),
}
