/** The Llama block against transformers, on a decoder with every feature that it knows. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { LLAMA_EMBEDDING, llamaDecoder, readLlamaConfig } from '../../../models/blocks/llama.ts'
import { ConfigReader } from '../../../models/config-reader.ts'
import type { DecoderSession, Segment } from '../../../src/engine/backend.ts'
import type { ModelFiles } from '../../../src/engine/backends/model-files.ts'
import { onnxDecoder } from '../../../src/engine/backends/onnx.ts'
import { referenceDecoder } from '../../../src/engine/backends/reference.ts'
import { Checkpoint } from '../../../src/weights/checkpoint.ts'
import { argmax, assertClose } from '../../support/relative-error.ts'
import { readSafetensors } from '../../support/safetensors-file.ts'

const CASE = resolve(import.meta.dirname, '../../fixtures/llama')
const TOLERANCE = 1e-4
const OPTIONS = { threads: 1, kvCacheBytes: 8 << 20, kvBlockSize: 16 }

interface Prompt {
  readonly name: string
  readonly ids: readonly number[]
  readonly greedy: readonly number[]
}

const raw = JSON.parse(readFileSync(join(CASE, 'checkpoint/config.json'), 'utf8'))
const { prompts } = JSON.parse(readFileSync(join(CASE, 'expected.json'), 'utf8')) as {
  prompts: Prompt[]
}
const expected = readSafetensors(join(CASE, 'expected.safetensors'))

for (const [name, open] of Object.entries({ onnx: onnxDecoder, reference: referenceDecoder })) {
  describe(`a Llama decoder on ${name}`, () => {
    let session: DecoderSession
    before(async () => {
      await using checkpoint = await Checkpoint.open(join(CASE, 'checkpoint'))
      session = await open(modelFiles(checkpoint), OPTIONS)
    })
    after(() => session.dispose())

    it('agrees with transformers on every position of every prompt', async () => {
      for (const [sequence, prompt] of prompts.entries()) {
        const logits = expected.get(`${prompt.name}.prefill_logits`)!
        const recorded = logits.length / session.vocabSize
        const first = prompt.ids.length - recorded
        for (const [i, id] of prompt.ids.entries()) {
          // What was not recorded is read in one step, so that both ways of reading are compared.
          if (i < first) continue
          const ids = i === first ? prompt.ids.slice(0, first + 1) : [id]
          const [result] = await session.step([{ sequence, input: [tokens(ids)], want: 'logits' }])
          const row = logits.subarray(
            (i - first) * session.vocabSize,
            (i - first + 1) * session.vocabSize,
          )
          assertClose(result!.values!, row, TOLERANCE, `${prompt.name}, position ${i}`)
        }
        session.free(sequence)
      }
    })

    it('continues every prompt greedily, all in one batch, with the same ids and logits', async () => {
      let rows = prompts.map(({ ids }, sequence) => ({
        sequence,
        input: [tokens(ids)],
        want: 'logits' as const,
      }))
      const answers = prompts.map(() => [] as number[])
      for (let step = 0; step < prompts[0]!.greedy.length; step++) {
        const results = await session.step(rows)
        for (const [i, { values }] of results.entries()) {
          const { name: prompt } = prompts[i]!
          answers[i]!.push(argmax(values!))
          const logits = expected.get(`${prompt}.step_logits`)!
          const row = logits.subarray(step * session.vocabSize, (step + 1) * session.vocabSize)
          assertClose(values!, row, TOLERANCE, `${prompt}, step ${step}`)
        }
        rows = answers.map((answer, sequence) => ({
          sequence,
          input: [tokens(answer.slice(-1))],
          want: 'logits',
        }))
      }
      assert.deepEqual(
        answers,
        prompts.map(({ greedy }) => greedy),
      )
    })

    it('agrees with transformers on the hidden state after the final norm', async () => {
      const { ids } = prompts.find((prompt) => prompt.name === 'long')!
      const [result] = await session.step([{ sequence: 99, input: [tokens(ids)], want: 'hidden' }])
      assertClose(
        result!.values!,
        expected.get('long.hidden3')!.slice(-session.hiddenSize),
        TOLERANCE,
      )
    })
  })
}

describe('the Llama config', () => {
  it('refuses what would be computed wrongly, naming the field', () => {
    const refused: [change: object, message: RegExp][] = [
      [
        { rope_scaling: { rope_type: 'yarn', factor: 4 } },
        /^rope_scaling\.rope_type: expected .*, got "yarn"$/,
      ],
      [
        { rope_scaling: { type: 'dynamic', factor: 4 } },
        /^rope_scaling\.type: expected .*, got "dynamic"$/,
      ],
      [
        { rope_scaling: { rope_type: 'llama3', factor: 4 } },
        /^rope_scaling\.low_freq_factor: expected a finite number/,
      ],
      [{ attention_bias: true }, /^attention_bias: expected false, got true$/],
      [{ mlp_bias: true }, /^mlp_bias: expected false, got true$/],
    ]
    for (const [change, message] of refused) {
      assert.throws(() => readLlamaConfig(new ConfigReader({ ...raw, ...change })), { message })
    }
  })

  it('reads linear rope scaling and none', () => {
    const frequencies = (rope_scaling: unknown) =>
      readLlamaConfig(new ConfigReader({ ...raw, rope_scaling })).ropeFrequencies
    const plain = frequencies(null)
    assert.deepEqual([plain.length, plain[0]], [8, 1])
    assert.ok(Math.abs(plain[4]! - 500000 ** -0.5) < 1e-12)
    assert.deepEqual(frequencies({ rope_type: 'default' }), plain)
    assert.deepEqual(
      frequencies({ type: 'linear', factor: 2 }),
      plain.map((frequency) => frequency / 2),
    )
  })
})

function modelFiles(checkpoint: Checkpoint): ModelFiles {
  const config = readLlamaConfig(new ConfigReader(raw))
  const { vocabSize, hiddenSize, maxPositions } = config
  return {
    graphs: { decoder: llamaDecoder(config) },
    limits: { vocabSize, hiddenSize, maxContext: maxPositions, tokensPerTile: 0, maxImages: 0 },
    embeddingName: LLAMA_EMBEDDING,
    checkpoint,
    tensors: checkpoint.tensors,
  }
}

function tokens(ids: readonly number[]): Segment {
  return { kind: 'tokens', ids: Int32Array.from(ids) }
}
