/**
 * `vocab.json` and `merges.txt` → the object that `tokenizer.json` would hold, as `Qwen2Converter` and `GPT2Converter` of
 * transformers build it. Both are byte-level BPE and differ in how a text is split before it.
 */
import { AerieError } from '../errors.ts'
import { isJsonObject } from '../model-folder.ts'
import type { AddedToken } from './added-tokens.ts'
import { isTokenId } from './token-ids.ts'

/** `PRETOKENIZE_REGEX` of tokenization_qwen2.py. */
const QWEN2_SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

export interface BpeFiles {
  /** Parsed vocab.json: token → id. */
  readonly vocab: unknown
  /** Text of merges.txt: a pair a line, the first to be merged first. */
  readonly merges: string
  readonly added: readonly AddedToken[]
  /** tokenizer_config.json. */
  readonly config: Readonly<Record<string, unknown>>
}

/** Throws `invalid_package` for damaged files, and for a `tokenizer_class` that would be read wrongly. */
export function convertBpeFiles({ vocab, merges, added, config }: BpeFiles): object {
  if (!isJsonObject(vocab) || !Object.values(vocab).every(isTokenId))
    throw invalid('vocab.json: expected an object of token ids')
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    ...split(config),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: readMerges(merges, vocab),
    },
  }
}

/** What of tokenizer.json stands before and behind the merging. */
function split(config: Readonly<Record<string, unknown>>): object {
  const name = config['tokenizer_class']
  const byteLevel = { type: 'ByteLevel', trim_offsets: true }
  const addPrefixSpace = config['add_prefix_space'] === true
  const processor = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false }
  switch (name) {
    case 'Qwen2Tokenizer':
    case 'Qwen2TokenizerFast':
      return {
        normalizer: { type: 'NFC' },
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            {
              type: 'Split',
              pattern: { Regex: QWEN2_SPLIT },
              behavior: 'Isolated',
              invert: false,
            },
            { ...byteLevel, add_prefix_space: addPrefixSpace, use_regex: false },
          ],
        },
        post_processor: processor,
      }
    case 'GPT2Tokenizer':
    case 'GPT2TokenizerFast':
      if (config['add_bos_token'] === true) throw invalid('add_bos_token is not supported')
      return {
        normalizer: null,
        pre_tokenizer: { ...byteLevel, add_prefix_space: addPrefixSpace, use_regex: true },
        post_processor: processor,
      }
    default:
      throw invalid(
        `tokenizer_class: expected Qwen2Tokenizer or GPT2Tokenizer beside vocab.json, got ${JSON.stringify(name)}; other classes need tokenizer.json`,
      )
  }
}

function readMerges(text: string, vocab: Readonly<Record<string, unknown>>): [string, string][] {
  const lines = text.split('\n')
  // The first line says the version of the format.
  const start = lines[0]!.startsWith('#version') ? 1 : 0
  return lines.flatMap((line, i): [string, string][] => {
    if (i < start || line.trim() === '') return []
    const [left, right, ...rest] = line.trimEnd().split(' ')
    if (!left || !right || rest.length > 0 || !Object.hasOwn(vocab, left + right))
      throw invalid(`merges.txt, line ${i + 1}: expected two tokens whose union is in vocab.json`)
    return [[left, right]]
  })
}

function invalid(what: string): AerieError {
  return new AerieError('invalid_package', what)
}
