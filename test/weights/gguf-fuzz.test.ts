/** Damaged GGUF files, through everything that reads them: each is read, or refused by name; none crashes or hangs. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { modelConfig } from '../../models/load-config.ts'
import { AerieError } from '../../src/errors.ts'
import { ggufTokenizer } from '../../src/tokenizer/gguf-tokenizer.ts'
import { hubConfig } from '../../src/weights/gguf-config.ts'
import { type GgufHeader, parseGgufHeader } from '../../src/weights/gguf-header.ts'
import { GgufMetadata } from '../../src/weights/gguf-metadata.ts'
import { joinShards } from '../../src/weights/gguf-split.ts'
import { publishedTensors } from '../../src/weights/gguf-tensors.ts'
import { storedBytes } from '../../src/weights/stored-type.ts'
import { type GgufToWrite, ggufBytes } from '../support/gguf-file.ts'
import { mutate } from '../support/mutate.ts'

const vector = (length = 8) => ({ shape: [length], data: new Float32Array(length) })

const SMALL: GgufToWrite = {
  metadata: { a: ['u32', 7], 'b.c': ['string', 'text'], d: ['string', ['x', 'yy']] },
  tensors: { x: vector(), y: { shape: [2, 32], data: new Uint8Array(36), type: 2 } },
}

const MODEL: GgufToWrite = {
  metadata: {
    'general.architecture': ['string', 'llama'],
    'llama.block_count': ['u32', 1],
    'llama.context_length': ['u32', 64],
    'llama.embedding_length': ['u32', 8],
    'llama.feed_forward_length': ['u32', 8],
    'llama.attention.head_count': ['u32', 2],
    'llama.attention.layer_norm_rms_epsilon': ['f32', 1e-5],
    'tokenizer.ggml.model': ['string', 'gpt2'],
    'tokenizer.ggml.pre': ['string', 'smollm'],
    'tokenizer.ggml.tokens': ['string', ['<s>', 'a', 'b', 'ab']],
    'tokenizer.ggml.token_type': ['i32', [3, 1, 1, 1]],
    'tokenizer.ggml.merges': ['string', ['a b']],
    'tokenizer.ggml.eos_token_id': ['u32', 0],
  },
  tensors: {
    'token_embd.weight': { shape: [4, 8], data: new Float32Array(32) },
    'rope_freqs.weight': vector(2),
    'blk.0.attn_q.weight': { shape: [8, 8], data: new Float32Array(64) },
    'output_norm.weight': vector(),
  },
}

const PIECES: GgufToWrite = {
  ...MODEL,
  metadata: {
    ...MODEL.metadata,
    'tokenizer.ggml.model': ['string', 'llama'],
    'tokenizer.ggml.tokens': ['string', ['<unk>', '<s>', '</s>', '▁a', 'b']],
    'tokenizer.ggml.token_type': ['i32', [2, 3, 3, 1, 1]],
    'tokenizer.ggml.scores': ['f32', [0, 0, 0, -1, -2]],
  },
  tensors: {
    ...MODEL.tensors,
    'token_embd.weight': { shape: [5, 8], data: new Float32Array(40) },
  },
}

describe('a damaged GGUF file', () => {
  it('gives what its header promises, or is refused: 12 000 times', () => {
    const accepted = eachMutation(SMALL, 12_000, (bytes) =>
      checkPromises(parseGgufHeader(bytes, bytes.length), bytes.length),
    )
    // Otherwise nothing but the first bytes would have been tried.
    assert.ok(accepted > 1000, `${accepted} accepted`)
  })

  it('gives a tokenizer, or is refused: 6 000 times', () => {
    for (const file of [MODEL, PIECES]) {
      const accepted = eachMutation(file, 3000, (bytes) => {
        const { metadata } = parseGgufHeader(bytes, bytes.length)
        ggufTokenizer(new GgufMetadata(metadata))
      })
      assert.ok(accepted > 100, `${accepted} accepted`)
    }
  })

  it('gives a model, or is refused: 2 000 times', async () => {
    const original = new Uint8Array(ggufBytes(MODEL))
    let accepted = 0
    for (let seed = 1; seed <= 2000; seed++) {
      const bytes = mutate(original, seed)
      try {
        const { metadata, ...header } = parseGgufHeader(bytes, bytes.length)
        const head = { ...header, path: 'x.gguf', bytes: bytes.length }
        const file = joinShards({ ...head, metadata: new GgufMetadata(metadata) })
        const config = hubConfig(file, [1, 1])
        publishedTensors(file, config)
        await modelConfig(config, file.path)
        accepted++
      } catch (error) {
        assertRefused(error, seed)
      }
    }
    assert.ok(accepted > 100, `${accepted} accepted`)
  })
})

/** How many of these damaged files were accepted. */
function eachMutation(file: GgufToWrite, count: number, read: (bytes: Uint8Array) => void): number {
  const original = new Uint8Array(ggufBytes(file))
  let accepted = 0
  for (let seed = 1; seed <= count; seed++) {
    try {
      read(mutate(original, seed))
      accepted++
    } catch (error) {
      assertRefused(error, seed)
    }
  }
  return accepted
}

function assertRefused(error: unknown, seed: number): void {
  const isRefusal = error instanceof AerieError && error.code === 'invalid_package'
  assert.ok(isRefusal, `mutation ${seed}: ${error instanceof Error ? error.stack : error}`)
}

function checkPromises({ tensors, metadata }: GgufHeader, fileBytes: number): void {
  let end = 0
  for (const { shape, dtype, offset, byteLength } of tensors) {
    assert.ok(offset >= end && offset + byteLength <= fileBytes)
    const elements = shape.reduce((product, size) => product * size, 1)
    assert.equal(storedBytes(dtype, elements), byteLength)
    end = offset + byteLength
  }
  for (const { type, value } of metadata.values()) if (type === 'array') value.read()
}
