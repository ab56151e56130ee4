/**
 * How a text is cut into words before byte-level BPE joins bytes, by the names that GGUF files use
 * (`tokenizer.ggml.pre`). Expressions are those of the models' own `tokenizer.json` on the hub.
 */

export interface PreTokenizer {
  /** Each cuts what the one before it left, and keeps what lies between its matches. */
  readonly expressions: readonly string[]
  /** A word that is a token as it is, is one, whatever merges say. */
  readonly ignoreMerges: boolean
  /** Texts are brought to Unicode's composed form first. */
  readonly nfc: boolean
  /** Where a file does not say whether texts begin with the token of the beginning. */
  readonly addsBos: boolean
}

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
const ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const LLAMA3 = `${ENDINGS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${REST}`
const QWEN2 = `${ENDINGS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${REST}`
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const TEKKEN = [
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+`,
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*`,
  '\\p{N}',
  ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
  '\\s*[\\r\\n]+',
  '\\s+(?!\\S)',
  '\\s+',
].join('|')

const plain = { ignoreMerges: false, nfc: false, addsBos: false }
const gpt2: PreTokenizer = { ...plain, expressions: [GPT2] }
const llama3: PreTokenizer = { ...plain, expressions: [LLAMA3], ignoreMerges: true, addsBos: true }
const qwen2: PreTokenizer = { ...plain, expressions: [QWEN2], nfc: true }

export const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  // What llama.cpp does with files that say nothing.
  default: {
    ...plain,
    expressions: ['[\\p{P}\\$\\+<=>\\^~\\|]+', GPT2, '\\p{N}+', '[0-9][0-9][0-9]'],
  },
  'gpt-2': gpt2,
  'phi-2': gpt2,
  smollm: { ...plain, expressions: ['\\p{N}', GPT2] },
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  dbrx: { ...plain, expressions: [LLAMA3] },
  'smaug-bpe': { ...plain, expressions: [LLAMA3] },
  qwen2,
  'deepseek-r1-qwen': qwen2,
  tekken: { ...plain, expressions: [TEKKEN], ignoreMerges: true, addsBos: true },
}
