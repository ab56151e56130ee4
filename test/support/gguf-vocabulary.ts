/** A GGUF file of a byte-level vocabulary as large as one likes, made of merges of what came before. */
import { writeGguf } from './gguf-file.ts'
import { seededRandom } from './seeded-random.ts'

const LONGEST = 16

/** `size` tokens, the last of them the end of an answer, and a merge for each but the bytes. */
export function writeVocabulary(path: string, size: number): void {
  const random = seededRandom(7)
  const tokens = Array.from({ length: 256 }, (_, byte) => alphabet(byte))
  const known = new Set(tokens)
  const merges: string[] = []
  while (tokens.length < size - 1) {
    const [left, right] = [random(), random()].map((at) => tokens[Math.floor(at * tokens.length)]!)
    const union = `${left}${right}`
    if (union.length > LONGEST || known.has(union)) continue
    known.add(union)
    tokens.push(union)
    merges.push(`${left} ${right}`)
  }
  tokens.push('<|im_end|>')
  writeGguf(path, {
    metadata: {
      'general.architecture': ['string', 'llama'],
      'tokenizer.ggml.model': ['string', 'gpt2'],
      'tokenizer.ggml.pre': ['string', 'qwen2'],
      'tokenizer.ggml.tokens': ['string', tokens],
      'tokenizer.ggml.token_type': ['i32', tokens.map((_, id) => (id === size - 1 ? 3 : 1))],
      'tokenizer.ggml.merges': ['string', merges],
      'tokenizer.ggml.eos_token_id': ['u32', size - 1],
    },
    tensors: { 'token_embd.weight': { shape: [1, 1], data: new Float32Array(1) } },
  })
}

/** GPT-2's printable stand-in for a byte. */
function alphabet(byte: number): string {
  const isPrintable =
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  if (isPrintable) return String.fromCodePoint(byte)
  const before = byte <= 0x20 ? byte : byte <= 0xa0 ? byte - 0x7f + 0x21 : 0x43
  return String.fromCodePoint(256 + before)
}
