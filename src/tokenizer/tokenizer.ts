/** Text to ids and back for one model, in the thread that calls; knows no chat. A server has it in a thread of its own ({@link EncoderThread}). */
import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers'
import { AerieError } from '../errors.ts'
import { isModelFile } from '../model-file.ts'
import { FILE_LIMITS, isJsonObject, readJson, readJsonObject } from '../model-folder.ts'
import { byteRule } from './token-bytes.ts'
import { checkTokenIds } from './token-ids.ts'
import {
  byteStrings,
  slotsOf,
  type TokenizerConfig,
  TokenTable,
  type TokenTableData,
} from './token-table.ts'
import { convertTokenizerFiles } from './tokenizer-files.ts'

export class Tokenizer extends TokenTable {
  readonly #hf: HfTokenizer
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
    const hf = new HfTokenizer(json, config)
    super(tableData(hf, { decoder: (json as { decoder?: unknown }).decoder, config, endIds }))
    this.#hf = hf
    this.#prefix = prefix
    this.#normalise = normalise
  }

  /**
   * Reads tokenizer_config.json and tokenizer.json of a model folder, or where there is no such file those that it would
   * be made of, or what a GGUF file has in place of them. A large vocabulary takes a second of the thread that calls.
   * Rejects with `invalid_package`.
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

  #prefixed(written: string): string {
    const text = this.#normalise(written)
    const isBare = text === '' || this.specialTokens.some((token) => text.startsWith(token))
    return isBare ? text : this.#prefix + text
  }
}

interface TableParts {
  /** Of tokenizer.json. */
  readonly decoder: unknown
  readonly config: TokenizerConfig
  readonly endIds: readonly number[]
}

function tableData(hf: HfTokenizer, { decoder, config, endIds }: TableParts): TokenTableData {
  const rule = byteRule(decoder)
  const added = [...hf.get_added_tokens_decoder()]
  const specialIds = added.filter(([, token]) => token.special).map(([id]) => id)
  const isSpecial = new Set(specialIds)
  const utf8 = new TextEncoder()
  const names: Uint8Array[] = []
  const texts: Uint8Array[] = []
  const named: number[] = []
  let [longest, last] = [1, -1]
  const vocabulary = hf.get_vocab(true)
  // Ids that no token has are undefined ones to the library.
  for (const [token, id] of vocabulary as Map<string | undefined, number>) {
    longest = Math.max(longest, token?.length ?? 0)
    last = Math.max(last, id)
    // Of two ids with one name, the one that the library finds by it.
    if (token !== undefined && token !== '') named.push(hf.token_to_id(token) ?? id)
  }
  for (let id = 0; id <= last; id++) {
    const token: string | undefined = hf.id_to_token(id)
    const name = utf8.encode(token)
    names.push(name)
    texts.push(token === undefined || isSpecial.has(id) ? name : rule.toBytes(token))
  }
  const nameList = byteStrings(names)
  return {
    ...{ config, endIds, specialIds },
    specialTokens: added
      .map(([, token]) => token.content)
      .filter((content) => content.trim().length > 1)
      .sort((a, b) => b.length - a.length),
    // One UTF-16 unit is at most three bytes of UTF-8.
    maxTokenBytes: longest * 3,
    stripsLeadingSpace: rule.stripLeadingSpace,
    size: vocabulary.size,
    names: nameList,
    texts: byteStrings(texts),
    slots: slotsOf(nameList, named),
  }
}
