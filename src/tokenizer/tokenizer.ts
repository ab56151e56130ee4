/** Text to ids and back for one model; knows no chat. */
import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers'
import { AerieError } from '../errors.ts'
import { isModelFile } from '../model-file.ts'
import { FILE_LIMITS, isJsonObject, readJson, readJsonObject } from '../model-folder.ts'
import { type ByteRule, byteRule } from './token-bytes.ts'
import { checkTokenIds } from './token-ids.ts'
import { convertTokenizerFiles } from './tokenizer-files.ts'

interface TokenizerConfig {
  readonly [key: string]: unknown
}

export class Tokenizer {
  readonly #hf: HfTokenizer
  readonly #rule: ByteRule
  readonly #specialIds: ReadonlySet<number>
  readonly #bytes = new Map<number, Uint8Array>()
  /** Contents of tokenizer_config.json: special token names, chat template. */
  readonly config: TokenizerConfig
  /** Special tokens as text, longest first, for defusing them in what users write. */
  readonly specialTokens: readonly string[]
  /** Bytes of the longest token: no text of n × this many bytes fits into fewer than n tokens. */
  readonly maxTokenBytes: number

  /** Ids that end an answer, where the vocabulary itself says so. */
  readonly endIds: readonly number[]

  readonly #prefix: string
  readonly #normalise: (text: string) => string

  /** prefix: what a text gets in front that does not begin with a special token; normalise: what is made of it before that. */
  constructor(
    json: object,
    config: TokenizerConfig,
    prefix = '',
    endIds: readonly number[] = [],
    normalise: (text: string) => string = (text) => text,
  ) {
    this.#prefix = prefix
    this.#normalise = normalise
    this.endIds = endIds
    this.#hf = new HfTokenizer(json, config)
    this.#rule = byteRule((json as { decoder?: unknown }).decoder)
    this.config = config
    const added = [...this.#hf.get_added_tokens_decoder()]
    this.#specialIds = new Set(added.filter(([, token]) => token.special).map(([id]) => id))
    this.specialTokens = added
      .map(([, token]) => token.content)
      .filter((content) => content.trim().length > 1)
      .sort((a, b) => b.length - a.length)
    let longest = 1
    // Ids that no token has are undefined ones to the library.
    for (const token of this.#hf.get_vocab(true).keys() as Iterable<string | undefined>)
      longest = Math.max(longest, token?.length ?? 0)
    // One UTF-16 unit is at most three bytes of UTF-8.
    this.maxTokenBytes = longest * 3
  }

  /**
   * Reads tokenizer_config.json and tokenizer.json of a model folder, or where there is no such file those that it would
   * be made of, or what a GGUF file has in place of them. Rejects with `invalid_package`.
   */
  static async load(modelDir: string): Promise<Tokenizer> {
    try {
      if (await isModelFile(modelDir)) {
        const [{ readGguf }, { ggufTokenizer }] = await Promise.all([
          import('../weights/gguf.ts'),
          import('./gguf-tokenizer.ts'),
        ])
        const { json, config, endIds } = ggufTokenizer((await readGguf(modelDir)).metadata)
        return new Tokenizer(json, config, '', endIds)
      }
      const limit = FILE_LIMITS.tokenizerConfig
      const config = await readJsonObject(modelDir, 'tokenizer_config.json', limit)
      const json = await readJson(modelDir, 'tokenizer.json', FILE_LIMITS.vocabulary)
      if (json === undefined) {
        const { json, prefix, normalise } = await convertTokenizerFiles(modelDir, config)
        return new Tokenizer(json, config, prefix, [], normalise)
      }
      if (!isJsonObject(json)) throw new Error('tokenizer.json: expected a JSON object')
      checkTokenIds(json)
      return new Tokenizer(json, config)
    } catch (cause) {
      throw new AerieError(
        'invalid_package',
        `tokenizer of ${modelDir}: ${(cause as Error).message}`,
        {
          cause,
        },
      )
    }
  }

  /** Ids of a text; special tokens written in it are recognised, none is added. */
  encode(text: string): Int32Array {
    if (text === '') return new Int32Array(0)
    return Int32Array.from(this.#hf.encode(this.#prefixed(text), { add_special_tokens: false }).ids)
  }

  /** Ids of a text that is a whole prompt: with what the tokenizer's own post-processor adds, such as `<s>`. */
  encodeWhole(text: string): Int32Array {
    return Int32Array.from(this.#hf.encode(this.#prefixed(text), { add_special_tokens: true }).ids)
  }

  /** Whole text of some ids, special tokens left out or by their names; malformed bytes become U+FFFD. */
  decode(ids: Iterable<number>, shown?: ShownTokens): string {
    const detokenizer = this.detokenizer(shown)
    let text = ''
    for (const id of ids) text += detokenizer.push(id)
    return text + detokenizer.flush()
  }

  /** Number of tokens, added ones included. */
  get size(): number {
    return this.#hf.get_vocab(true).size
  }

  isSpecial(id: number): boolean {
    return this.#specialIds.has(id)
  }

  /** Id of a token given as text; undefined when it is not in the vocabulary. */
  idOf(token: string): number | undefined {
    return this.#hf.token_to_id(token)
  }

  /** Exact bytes of one token; a special token's are those of its name. */
  bytesOf(id: number): Uint8Array {
    const known = this.#bytes.get(id)
    if (known) return known
    const token = this.#hf.id_to_token(id)
    const bytes =
      token === undefined
        ? new Uint8Array(0)
        : this.#specialIds.has(id)
          ? new TextEncoder().encode(token)
          : this.#rule.toBytes(token)
    this.#bytes.set(id, bytes)
    return bytes
  }

  #prefixed(written: string): string {
    const text = this.#normalise(written)
    const isBare = text === '' || this.specialTokens.some((token) => text.startsWith(token))
    return isBare ? text : this.#prefix + text
  }

  /** Whether a space before the first token is left out of the text. */
  get stripsLeadingSpace(): boolean {
    return this.#rule.stripLeadingSpace
  }

  /** A fresh stream of ids to text. `shown`: special tokens that are not left out, but written by their names. */
  detokenizer(shown: ShownTokens = NO_TOKENS): Detokenizer {
    return new Detokenizer(this, this.#rule.stripLeadingSpace, shown)
  }
}

/** Which special tokens are text. */
export type ShownTokens = Pick<ReadonlySet<number>, 'has'>

const NO_TOKENS: ShownTokens = new Set()
export const ALL_TOKENS: ShownTokens = { has: () => true }

/**
 * Ids to text, one at a time. A code point is emitted when its last byte has come, never before:
 * the decoder holds an unfinished sequence (at most three bytes) back.
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #shown: ShownTokens
  #stripLeadingSpace: boolean

  constructor(tokenizer: Tokenizer, stripLeadingSpace: boolean, shown: ShownTokens) {
    this.#tokenizer = tokenizer
    this.#shown = shown
    this.#stripLeadingSpace = stripLeadingSpace
  }

  /** The text that this token completes; may be empty. */
  push(id: number): string {
    if (this.#tokenizer.isSpecial(id) && !this.#shown.has(id)) return ''
    let bytes = this.#tokenizer.bytesOf(id)
    if (this.#stripLeadingSpace && bytes.length > 0) {
      if (bytes[0] === 0x20) bytes = bytes.subarray(1)
      this.#stripLeadingSpace = false
    }
    return this.#utf8.decode(bytes, { stream: true })
  }

  /** What is left at the end: U+FFFD for an unfinished code point, else nothing. */
  flush(): string {
    return this.#utf8.decode()
  }
}
