/**
 * The tokenizer that a GGUF file's metadata holds → the objects that `tokenizer.json` and `tokenizer_config.json`
 * would hold. Sources: the GGUF specification and `llama-vocab.cpp` of llama.cpp, for what files leave unsaid.
 */
import { AerieError } from '../errors.ts'
import type { GgufMetadata } from '../weights/gguf-metadata.ts'
import { PRE_TOKENIZERS, type PreTokenizer } from './pre-tokenizers.ts'
import {
  addedToken,
  BPE,
  beginsWith,
  CONTROL,
  convertModel,
  UNKNOWN,
  USER_DEFINED,
} from './sentencepiece.ts'

export interface GgufTokenizer {
  readonly json: object
  readonly config: Readonly<Record<string, unknown>>
  /** Ids that end an answer. */
  readonly endIds: readonly number[]
}

const NORMAL = 1
const BYTE = 6
const MOST_TOKENS = 1_000_000

/** Tokens that end a turn whether or not the file says so; files made before there was a key for them are many. */
const ENDS_OF_TURN: ReadonlySet<string> = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<EOT>',
])

interface Tokens {
  /** By id; no two alike. */
  readonly texts: readonly string[]
  readonly types: readonly number[]
}

/** Throws `invalid_package`, naming the key. */
export function ggufTokenizer(metadata: GgufMetadata): GgufTokenizer {
  const model = metadata.string('tokenizer.ggml.model')
  if (model !== 'gpt2' && model !== 'llama')
    throw metadata.mismatch('tokenizer.ggml.model', '"gpt2" or "llama"')
  if (metadata.boolean('tokenizer.ggml.add_eos_token', false))
    throw metadata.mismatch('tokenizer.ggml.add_eos_token', 'false')
  const tokens = readTokens(metadata)
  const isPieces = model === 'llama'
  const special = {
    bos: specialId(metadata, tokens, 'bos_token_id', isPieces ? 1 : undefined),
    eos: specialId(metadata, tokens, 'eos_token_id', isPieces ? 2 : undefined),
    unk: specialId(metadata, tokens, 'unknown_token_id', isPieces ? 0 : undefined),
    pad: specialId(metadata, tokens, 'padding_token_id'),
  }
  const json = isPieces
    ? piecesJson(metadata, tokens, special)
    : byteLevelJson(metadata, tokens, special.bos)
  return {
    json,
    config: {
      ...Object.fromEntries(
        Object.entries(special).flatMap(([name, id]) =>
          id === undefined ? [] : [[`${name}_token`, tokens.texts[id]]],
        ),
      ),
      ...(metadata.has('tokenizer.chat_template')
        ? { chat_template: metadata.string('tokenizer.chat_template') }
        : {}),
    },
    endIds: endIds(metadata, tokens, special.eos),
  }
}

function readTokens(metadata: GgufMetadata): Tokens {
  const key = 'tokenizer.ggml.tokens'
  const written = metadata.strings(key)
  if (written.length === 0 || written.length > MOST_TOKENS)
    throw metadata.mismatch(key, `1 to ${MOST_TOKENS} strings`)
  // As llama.cpp names them, which has no use for them either.
  const texts = written.map((text, id) => (text === '' ? `[EMPTY_${id}]` : text))
  const types = metadata.has('tokenizer.ggml.token_type')
    ? metadata.numbers('tokenizer.ggml.token_type')
    : texts.map(() => NORMAL)
  if (types.length !== texts.length)
    throw metadata.mismatch('tokenizer.ggml.token_type', `${texts.length} numbers, one a token`)
  const ids = new Map(texts.map((text, id) => [text, id]))
  if (ids.size !== texts.length) {
    const id = texts.findIndex((text, i) => ids.get(text) !== i)
    throw invalid(`${key}: ${JSON.stringify(texts[id])} occurs twice`)
  }
  return { texts, types }
}

function specialId(
  metadata: GgufMetadata,
  { texts }: Tokens,
  name: string,
  fallback?: number,
): number | undefined {
  const key = `tokenizer.ggml.${name}`
  if (!metadata.has(key)) {
    return fallback !== undefined && fallback < texts.length ? fallback : undefined
  }
  const id = metadata.integer(key)
  if (id >= texts.length) throw metadata.mismatch(key, `the id of one of ${texts.length} tokens`)
  return id
}

function endIds(metadata: GgufMetadata, tokens: Tokens, eos: number | undefined): number[] {
  const named = ['eot_token_id', 'eom_token_id'].map((name) => specialId(metadata, tokens, name))
  const known = tokens.texts.flatMap((text, id) =>
    tokens.types[id] === CONTROL && ENDS_OF_TURN.has(text) ? [id] : [],
  )
  return [...new Set([eos, ...named, ...known])].filter((id) => id !== undefined)
}

interface SpecialIds {
  readonly bos: number | undefined
  readonly unk: number | undefined
}

/** SentencePiece's vocabulary with its scores. */
function piecesJson(metadata: GgufMetadata, tokens: Tokens, { bos, unk = 0 }: SpecialIds): object {
  const scores = metadata.numbers('tokenizer.ggml.scores')
  if (scores.length !== tokens.texts.length)
    throw metadata.mismatch('tokenizer.ggml.scores', `${tokens.texts.length} numbers, one a token`)
  const addsBos = metadata.boolean('tokenizer.ggml.add_bos_token', true)
  const pieces = tokens.texts.map((piece, id) => {
    // The token for unknown characters may be marked as any other is.
    const type = id === unk ? UNKNOWN : tokens.types[id]!
    return { piece, score: scores[id]!, type }
  })
  const model = {
    pieces,
    trainerSpec: {
      modelType: BPE,
      byteFallback: tokens.types.includes(BYTE),
      treatWhitespaceAsSuffix: false,
      unkId: unk,
    },
    normalizerSpec: {
      precompiledCharsmap: new Uint8Array(),
      addDummyPrefix: metadata.boolean('tokenizer.ggml.add_space_prefix', true),
      removeExtraWhitespaces: false,
      escapeWhitespaces: true,
    },
  }
  // llama.cpp puts the space behind every special token, as the hub's older files do.
  const { json } = convertModel(model, {
    bosToken: addsBos && bos !== undefined ? tokens.texts[bos] : undefined,
    isLegacy: true,
  })
  return /phi-?3/i.test(metadata.string('general.name', '')) ? withoutSpaceBehind(json) : json
}

/** Phi-3's special tokens take the white space behind them. The file does not say so; llama.cpp, too, goes by the name. */
function withoutSpaceBehind(json: object): object {
  const { added_tokens: added } = json as { added_tokens: { content: string }[] }
  const keeps = new Set(['<unk>', '<s>', '<|endoftext|>'])
  return {
    ...json,
    added_tokens: added.map((token) => ({ ...token, rstrip: !keeps.has(token.content) })),
  }
}

/** Byte-level BPE as GPT-2 introduced it. */
function byteLevelJson(metadata: GgufMetadata, tokens: Tokens, bos: number | undefined): object {
  const name = metadata.string('tokenizer.ggml.pre', 'default')
  const pre = Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name] : undefined
  if (!pre) throw metadata.mismatch('tokenizer.ggml.pre', Object.keys(PRE_TOKENIZERS).join(', '))
  if (metadata.boolean('tokenizer.ggml.add_space_prefix', false))
    throw metadata.mismatch('tokenizer.ggml.add_space_prefix', 'false')
  const isAdded = (id: number) => {
    const type = tokens.types[id]
    return type === CONTROL || type === USER_DEFINED || type === UNKNOWN
  }
  const vocab = new Map(tokens.texts.map((text, id) => [text, id]))
  const addsBos = metadata.boolean('tokenizer.ggml.add_bos_token', pre.addsBos)
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: tokens.texts.flatMap((text, id) =>
      isAdded(id) ? [addedToken(id, text, tokens.types[id] !== USER_DEFINED)] : [],
    ),
    normalizer: pre.nfc ? { type: 'NFC' } : null,
    pre_tokenizer: words(pre),
    post_processor: addsBos && bos !== undefined ? beginsWith(tokens.texts[bos]!, bos) : null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre.ignoreMerges,
      vocab: Object.fromEntries(vocab),
      merges: merges(metadata, vocab),
    },
  }
}

function words({ expressions }: PreTokenizer): object {
  return {
    type: 'Sequence',
    pretokenizers: [
      ...expressions.map((Regex) => ({
        type: 'Split',
        pattern: { Regex },
        behavior: 'Isolated',
        invert: false,
      })),
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  }
}

/** `a b`: a may be anything but empty, b too. What two tokens become has to be a token, or text would be lost. */
function merges(
  metadata: GgufMetadata,
  vocab: ReadonlyMap<string, number>,
): [left: string, right: string][] {
  const key = 'tokenizer.ggml.merges'
  return metadata.strings(key).map((merge, i) => {
    const space = merge.indexOf(' ', 1)
    const [left, right] = [merge.slice(0, space), merge.slice(space + 1)]
    if (space < 0 || !vocab.has(left + right))
      throw invalid(`${key}[${i}]: ${JSON.stringify(merge)} is not two parts of a token`)
    return [left, right]
  })
}

function invalid(message: string, cause?: unknown): AerieError {
  return new AerieError('invalid_package', message, { cause })
}
