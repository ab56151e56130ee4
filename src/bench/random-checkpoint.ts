/**
 * Writes a checkpoint with random bfloat16 weights in the shapes that a config asks for: what an import or a benchmark has to
 * read, and nothing that anybody would want to read an answer of.
 */
import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelConfig } from '../../models/load-config.ts'
import { modelInitialisers } from '../engine/backends/model-files.ts'
import { writeAll } from '../write-all.ts'
import { seededUniform } from './random.ts'

/** As published: files of about so many bytes. */
const SHARD_BYTES = 2 * 2 ** 30
/** Written over and over; its length is odd in elements, so that no two rows are alike. */
const BLOCK_BYTES = 8 * 2 ** 20 - 2
/** Of what models are initialised with. */
const DEVIATION = 0.02
const INDEX = 'model.safetensors.index.json'
/** 1 as bfloat16. */
const ONE = 0x3f80

export interface RandomCheckpoint {
  /** Of all files. */
  readonly bytes: number
  readonly largestTensorBytes: number
  /** Names of the files. */
  readonly files: readonly string[]
}

export interface RandomTensor {
  readonly name: string
  readonly shape: readonly number[]
}

interface Tensor extends RandomTensor {
  /** As bfloat16. */
  readonly bytes: number
}

/**
 * For the config.json of a family whose graphs name weights as its checkpoints do. Weights are the same for the same config,
 * those of norms are one; the tokenizer has a token for every byte.
 */
export async function writeRandomCheckpoint(
  folder: string,
  config: Readonly<Record<string, unknown>>,
): Promise<RandomCheckpoint> {
  const model = await modelConfig(config, 'config.json')
  const tensors = [...modelInitialisers(model).values()].filter(({ derived }) => !derived)
  await mkdir(folder, { recursive: true })
  const small: Record<string, object> = {
    'config.json': config,
    'tokenizer.json': tokenizer(model.limits.vocabSize),
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      eos_token: '</s>',
      // A model of random weights likes best what it read last, which therefore must not be the end.
      chat_template: '{% for m in messages %}{{ m.content }}{% endfor %}',
    },
  }
  let bytes = 0
  for (const [name, value] of Object.entries(small)) bytes += await writeJson(folder, name, value)
  const weights = await writeRandomWeights(folder, tensors)
  return {
    bytes: bytes + weights.bytes,
    largestTensorBytes: weights.largestTensorBytes,
    files: [...Object.keys(small), ...weights.files],
  }
}

/** Files of tensors and their index, in a folder that is there. */
export async function writeRandomWeights(
  folder: string,
  named: readonly RandomTensor[],
): Promise<RandomCheckpoint> {
  const tensors = named.map(({ name, shape }) => ({
    name,
    shape,
    bytes: shape.reduce((product, extent) => product * extent, 2),
  }))
  const shards = inShards(tensors)
  const names = shards.map(
    (_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`,
  )
  let bytes = await writeJson(folder, INDEX, {
    metadata: {},
    weight_map: Object.fromEntries(
      shards.flatMap((tensors, i) => tensors.map(({ name }) => [name, names[i]])),
    ),
  })
  const block = randomBlock()
  for (const [i, tensors] of shards.entries())
    bytes += await writeShard(join(folder, names[i]!), tensors, block)
  const largestTensorBytes = Math.max(...tensors.map((tensor) => tensor.bytes))
  return { bytes, largestTensorBytes, files: [INDEX, ...names] }
}

async function writeJson(folder: string, name: string, value: object): Promise<number> {
  const text = JSON.stringify(value)
  await writeFile(join(folder, name), text)
  return Buffer.byteLength(text)
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

async function writeShard(
  path: string,
  tensors: readonly Tensor[],
  block: Buffer,
): Promise<number> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
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
  const start = 8 + text.length
  await writeNumbers(file, { block, at: start, length: end })
  let at = start
  for (const { name, shape, bytes } of tensors) {
    if (shape.length === 1 && name.endsWith('.weight'))
      await writeAll(file, Buffer.from(new Uint16Array(bytes / 2).fill(ONE).buffer), at)
    at += bytes
  }
  await file.sync()
  return start + end
}

/** Of the normal distribution, the same each time. */
function randomBlock(): Buffer {
  const values = new Uint16Array(BLOCK_BYTES / 2)
  const word = new Float32Array(1)
  const bits = new Uint32Array(word.buffer)
  const uniform = seededUniform()
  for (let i = 0; i < values.length; i++) {
    // Box and Muller's transform.
    word[0] = DEVIATION * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
    values[i] = bits[0]! >>> 16
  }
  return Buffer.from(values.buffer)
}

async function writeNumbers(
  file: FileHandle,
  { block, at, length }: { readonly block: Buffer; readonly at: number; readonly length: number },
): Promise<void> {
  for (let done = 0; done < length; ) {
    const size = Math.min(block.length, length - done)
    await writeAll(file, block.subarray(0, size), at + done)
    done += size
  }
}

/** A byte-level vocabulary with one merge, as readers expect some, filled up with tokens that no text has. */
function tokenizer(size: number): object {
  const printable = [
    ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)),
    ...Array.from({ length: 12 }, (_, i) => String.fromCharCode(0xa1 + i)),
    ...Array.from({ length: 82 }, (_, i) => String.fromCharCode(0xae + i)),
    // The bytes that no character stands for have those from U+0100 on.
    ...Array.from({ length: 68 }, (_, i) => String.fromCharCode(0x100 + i)),
  ]
  const tokens = ['</s>', ...printable, '~~']
  while (tokens.length < size) tokens.push(`<unused${tokens.length}>`)
  const byteLevel = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: false,
    use_regex: true,
  }
  const end = { id: 0, content: '</s>', special: true }
  const asWritten = { single_word: false, lstrip: false, rstrip: false, normalized: false }
  return {
    version: '1.0',
    added_tokens: [{ ...end, ...asWritten }],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: ['~ ~'],
    },
  }
}

const number = (n: number) => String(n).padStart(5, '0')
