/**
 * Writes a checkpoint of Llama 7B's shapes (arXiv 2302.13971) with random bfloat16 weights: what an import has to read, and
 * nothing that anybody would want to read an answer of.
 */
import { randomFillSync } from 'node:crypto'
import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const SHAPE = { hidden: 4096, intermediate: 11008, vocabulary: 32_000, heads: 32 } as const
/** As published: files of about so many bytes. */
const SHARD_BYTES = 2 * 2 ** 30
/** Written over and over; its length is odd in elements, so that no two rows are alike. */
const BLOCK_BYTES = 8 * 2 ** 20 - 2

export interface RandomCheckpoint {
  /** Of all files. */
  readonly bytes: number
  readonly largestTensorBytes: number
  /** Names of the files. */
  readonly files: readonly string[]
}

interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly bytes: number
}

/** `hidden` smaller than the published one makes everything smaller, for tests. */
export async function writeRandomCheckpoint(
  folder: string,
  { layers, hidden = SHAPE.hidden }: { readonly layers: number; readonly hidden?: number },
): Promise<RandomCheckpoint> {
  const intermediate = Math.round((SHAPE.intermediate * hidden) / SHAPE.hidden)
  const vocabulary = hidden === SHAPE.hidden ? SHAPE.vocabulary : 512
  await mkdir(folder, { recursive: true })
  const small: Record<string, object> = {
    'config.json': {
      model_type: 'llama',
      hidden_size: hidden,
      intermediate_size: intermediate,
      num_hidden_layers: layers,
      num_attention_heads: Math.min(SHAPE.heads, hidden / 2),
      vocab_size: vocabulary,
      max_position_embeddings: 4096,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: false,
    },
    'tokenizer.json': tokenizer(vocabulary),
    'tokenizer_config.json': {
      eos_token: '</s>',
      chat_template: '{% for m in messages %}{{ m.content }}</s>{% endfor %}',
    },
  }
  const shards = inShards(tensorsOf(layers, { hidden, intermediate, vocabulary }))
  const names = shards.map(
    (_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`,
  )
  small['model.safetensors.index.json'] = {
    weight_map: Object.fromEntries(
      shards.flatMap((tensors, i) => tensors.map(({ name }) => [name, names[i]])),
    ),
  }
  let bytes = 0
  for (const [name, value] of Object.entries(small)) {
    const text = JSON.stringify(value)
    bytes += Buffer.byteLength(text)
    await writeFile(join(folder, name), text)
  }
  for (const [i, tensors] of shards.entries())
    bytes += await writeShard(join(folder, names[i]!), tensors)
  return {
    bytes,
    largestTensorBytes: Math.max(...shards.flat().map((tensor) => tensor.bytes)),
    files: [...Object.keys(small), ...names],
  }
}

function tensorsOf(
  layers: number,
  { hidden, intermediate, vocabulary }: Readonly<Record<string, number>>,
): Tensor[] {
  const of = (name: string, ...shape: number[]) => ({
    name: `${name}.weight`,
    shape,
    bytes: shape.reduce((product, extent) => product * extent, 2),
  })
  const table = [vocabulary!, hidden!] as const
  const square = [hidden!, hidden!] as const
  const up = [intermediate!, hidden!] as const
  return [
    of('model.embed_tokens', ...table),
    ...Array.from({ length: layers }, (_, i) => `model.layers.${i}`).flatMap((layer) => [
      of(`${layer}.input_layernorm`, hidden!),
      ...['q', 'k', 'v', 'o'].map((name) => of(`${layer}.self_attn.${name}_proj`, ...square)),
      of(`${layer}.post_attention_layernorm`, hidden!),
      of(`${layer}.mlp.gate_proj`, ...up),
      of(`${layer}.mlp.up_proj`, ...up),
      of(`${layer}.mlp.down_proj`, hidden!, intermediate!),
    ]),
    of('model.norm', hidden!),
    of('lm_head', ...table),
  ]
}

function inShards(tensors: readonly Tensor[]): Tensor[][] {
  const shards: Tensor[][] = [[]]
  let bytes = 0
  for (const tensor of tensors) {
    if (bytes > 0 && bytes + tensor.bytes > SHARD_BYTES) {
      shards.push([])
      bytes = 0
    }
    shards.at(-1)!.push(tensor)
    bytes += tensor.bytes
  }
  return shards
}

async function writeShard(path: string, tensors: readonly Tensor[]): Promise<number> {
  const header: Record<string, unknown> = {}
  let end = 0
  for (const { name, shape, bytes } of tensors) {
    header[name] = { dtype: 'BF16', shape, data_offsets: [end, end + bytes] }
    end += bytes
  }
  const text = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(text.length))
  await using file = await open(path, 'w')
  await file.writeFile(Buffer.concat([prefix, text]))
  await writeNumbers(file, 8 + text.length, end)
  await file.sync()
  return 8 + text.length + end
}

/** Random bits without the exponent's highest: numbers below 2, none of them infinite or NaN. */
async function writeNumbers(file: FileHandle, at: number, length: number): Promise<void> {
  const block = randomFillSync(Buffer.alloc(BLOCK_BYTES))
  for (let i = 1; i < block.length; i += 2) block[i]! &= 0xbf
  for (let done = 0; done < length; ) {
    // Pieces as small as an import's own; larger ones are slow on some file systems.
    const from = done % block.length
    const size = Math.min(512 * 2 ** 10, block.length - from, length - done)
    const { bytesWritten } = await file.write(block, from, size, at + done)
    done += bytesWritten
  }
}

/** A byte-level vocabulary without merges, filled up with tokens that no text has. */
function tokenizer(size: number): object {
  const printable = [
    ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)),
    ...Array.from({ length: 12 }, (_, i) => String.fromCharCode(0xa1 + i)),
    ...Array.from({ length: 82 }, (_, i) => String.fromCharCode(0xae + i)),
    // The bytes that no character stands for have those from U+0100 on.
    ...Array.from({ length: 68 }, (_, i) => String.fromCharCode(0x100 + i)),
  ]
  const tokens = ['</s>', ...printable]
  while (tokens.length < size) tokens.push(`<unused${tokens.length}>`)
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false }
  return {
    version: '1.0',
    added_tokens: [{ id: 0, content: '</s>', special: true }],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [],
    },
  }
}

const number = (n: number) => String(n).padStart(5, '0')
