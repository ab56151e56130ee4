/**
 * `vocab.json` and `merges.txt` → the object that `tokenizer.json` would hold: byte-level BPE, as `Qwen2Converter` and
 * `GPT2Converter` of transformers build it.
 */
import { AerieError } from '../errors.ts'

/** Where Qwen2 cuts a text before byte pairs are joined (`Qwen2Converter`). */
const QWEN2_PIECES =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/** No published vocabulary comes near. */
const MOST_ENTRIES = 1_000_000

export interface VocabMergesFiles {
  readonly vocab: string
  readonly merges: string
  /** added_tokens.json, where there is one. */
  readonly added: string | undefined
}

interface AddedToken {
  readonly content: string
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  readonly normalized?: boolean
  readonly single_word?: boolean
  readonly special?: boolean
}

/**
 * `config`: tokenizer_config.json, which names the class. Throws `invalid_package` for one that is not byte-level BPE, or files
 * that do not fit together.
 */
export function tokenizerOfVocab(
  files: VocabMergesFiles,
  config: Readonly<Record<string, unknown>>,
): object {
  const vocab = parseIds(files.vocab, 'vocab.json')
  const { normalizer, preTokenizer } = classOf(config)
  return {
    added_tokens: addedTokens(files.added, config),
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: false,
      use_regex: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: parseMerges(files.merges, vocab),
    },
  }
}

function classOf(config: Readonly<Record<string, unknown>>) {
  const byteLevel = (useRegex: boolean, addPrefixSpace: boolean) => ({
    type: 'ByteLevel',
    add_prefix_space: addPrefixSpace,
    trim_offsets: false,
    use_regex: useRegex,
  })
  const name = config['tokenizer_class']
  switch (typeof name === 'string' ? name.replace(/Fast$/, '') : name) {
    case 'Qwen2Tokenizer':
      return {
        normalizer: { type: 'NFC' },
        preTokenizer: {
          type: 'Sequence',
          pretokenizers: [
            {
              type: 'Split',
              pattern: { Regex: QWEN2_PIECES },
              behavior: 'Isolated',
              invert: false,
            },
            byteLevel(false, false),
          ],
        },
      }
    case 'GPT2Tokenizer':
      return {
        normalizer: null,
        preTokenizer: byteLevel(true, config['add_prefix_space'] === true),
      }
    default:
      throw invalid(
        `tokenizer_config.json: tokenizer_class: expected "Qwen2Tokenizer" or "GPT2Tokenizer" beside vocab.json, got ${JSON.stringify(name) ?? 'nothing'}`,
      )
  }
}

/** The first line may give a version; a line joins two tokens to one that the vocabulary has. */
function parseMerges(text: string, vocab: Readonly<Record<string, number>>): [string, string][] {
  const merges: [string, string][] = []
  text.split(/\r?\n/).forEach((line, i) => {
    if (line === '' || (i === 0 && line.startsWith('#version:'))) return
    const pair = line.split(' ')
    const [left, right] = pair as [string, string]
    const isKnown =
      pair.length === 2 && [left, right, left + right].every((t) => Object.hasOwn(vocab, t))
    if (!isKnown) {
      throw invalid(
        `merges.txt: line ${i + 1}: expected two tokens of vocab.json that join to a third, got ${JSON.stringify(line.slice(0, 60))}`,
      )
    }
    merges.push([left, right])
  })
  if (merges.length > MOST_ENTRIES) throw invalid(`merges.txt: more than ${MOST_ENTRIES} lines`)
  return merges
}

/** Those of tokenizer_config.json as they are; of added_tokens.json those that it does not have. */
function addedTokens(added: string | undefined, config: Readonly<Record<string, unknown>>) {
  const listed = Object.entries(
    (config['added_tokens_decoder'] ?? {}) as Record<string, AddedToken>,
  )
  const tokens = new Map(listed.map(([id, token]) => [Number(id), token]))
  const special = specialTokens(config)
  for (const [content, id] of Object.entries(
    added === undefined ? {} : parseIds(added, 'added_tokens.json'),
  )) {
    if (!tokens.has(id)) tokens.set(id, { content, special: special.has(content) })
  }
  return [...tokens]
    .sort(([a], [b]) => a - b)
    .map(([id, token]) => ({
      id,
      content: token.content,
      single_word: token.single_word ?? false,
      lstrip: token.lstrip ?? false,
      rstrip: token.rstrip ?? false,
      normalized: token.normalized ?? false,
      special: token.special ?? false,
    }))
}

/** Contents of `bos_token`, `eos_token`, … and of the additional ones. */
function specialTokens(config: Readonly<Record<string, unknown>>): Set<string> {
  const contentOf = (token: unknown) =>
    typeof token === 'object' && token !== null && 'content' in token ? token.content : token
  const named = ['bos_token', 'eos_token', 'pad_token', 'unk_token'].map((key) => config[key])
  const additional = config['additional_special_tokens']
  const all = [...named, ...(Array.isArray(additional) ? additional : [])].map(contentOf)
  return new Set(all.filter((token) => typeof token === 'string'))
}

function parseIds(text: string, file: string): Record<string, number> {
  const ids: unknown = JSON.parse(text)
  const isTable = typeof ids === 'object' && ids !== null && !Array.isArray(ids)
  const entries = isTable ? Object.entries(ids) : []
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0
  if (!isTable || entries.length > MOST_ENTRIES || !entries.every(([, id]) => isId(id))) {
    throw invalid(`${file}: expected up to ${MOST_ENTRIES} tokens with their ids`)
  }
  return ids as Record<string, number>
}

function invalid(message: string): AerieError {
  return new AerieError('invalid_package', message)
}
