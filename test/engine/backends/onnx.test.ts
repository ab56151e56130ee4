import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { DecoderSession, Row } from '../../../src/engine/backend.ts'
import { createBackend } from '../../../src/engine/backends/create.ts'
import { testBackendContract } from '../../support/backend-contract.ts'
import { argmax, assertClose } from '../../support/relative-error.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { writeRandomCheckpoint } from '../../support/starter-checkpoint.ts'

const onnx = await createBackend('onnx')
const reference = await createBackend('reference')
const OPTIONS = { threads: 2, kvCacheBytes: 8 << 20, kvBlockSize: 16 }

testBackendContract(onnx)

describe('the onnx backend', () => {
  let folder: string
  let session: DecoderSession
  before(async () => {
    folder = writeRandomCheckpoint({ seed: 31 })
    session = await onnx.loadDecoder(folder, OPTIONS)
  })
  after(async () => {
    await session.dispose()
    rmSync(folder, { recursive: true })
  })

  it('remembers nothing of what was cut off, in tensors of whichever size', async () => {
    const ids = (seed: number, count: number) => {
      const random = seededRandom(seed)
      return Int32Array.from({ length: count }, () => Math.floor(random() * session.vocabSize))
    }
    const step = async (sequence: number, tokens: Int32Array) =>
      (
        await session.step([{ sequence, input: [{ kind: 'tokens', ids: tokens }], want: 'logits' }])
      )[0]!.values!
    const [old, young, last] = [ids(41, 300), ids(42, 240), Int32Array.of(9)]
    await step(1, old)
    // Its past is held in tensors of 512 positions now.
    await step(1, last)
    session.truncate(1, 30)
    // In those of 256 at first, and then in the others again.
    await step(1, young)
    const grown = await step(1, last)
    const alone = await step(2, Int32Array.from([...old.subarray(0, 30), ...young, 9]))
    assertClose(grown, alone, 1e-5)
    for (const id of [1, 2]) session.free(id)
  })

  for (const backend of [onnx, reference]) {
    it(`refuses keys and values in fewer bits by name (${backend.name})`, async () => {
      for (const kvCacheType of ['f16', 'int8'] as const) {
        await assert.rejects(backend.loadDecoder(folder, { ...OPTIONS, kvCacheType }), {
          code: 'invalid_config',
          message: `kvCacheType ${kvCacheType}: the ${backend.name} backend keeps keys and values as f32`,
        })
      }
    })
  }

  it('computes a row alone as it does among eight, to the last digits', async () => {
    const random = seededRandom(32)
    const ids = (count: number) =>
      Int32Array.from({ length: count }, () => Math.floor(random() * session.vocabSize))
    const prompts = Array.from({ length: 8 }, (_, i) => ids(60 + 3 * i))
    const answers = prompts.map(() => ids(6))
    const row = (sequence: number, tokens: Int32Array): Row => ({
      sequence,
      input: [{ kind: 'tokens', ids: tokens }],
      want: 'logits',
    })
    for (const [step, inputs] of [
      prompts,
      ...Array.from(answers[0]!, (_, i) => answers.map((a) => a.subarray(i, i + 1))),
    ].entries()) {
      const together = await session.step(inputs.map((tokens, i) => row(i, tokens)))
      for (const [i, tokens] of inputs.entries()) {
        const [alone] = await session.step([row(100 + i, tokens)])
        assertClose(together[i]!.values!, alone!.values!, 1e-6, `row ${i} of step ${step}`)
      }
    }
    for (let i = 0; i < 8; i++) for (const sequence of [i, 100 + i]) session.free(sequence)
  })

  it('follows the reference greedily through a long answer', async () => {
    const truth = await reference.loadDecoder(folder, OPTIONS)
    const prompt = Int32Array.of(1, 17, 200, 45)
    const results = await Promise.all(
      [session, truth].map((decoder) => greedy(decoder, prompt, 40)),
    )
    assert.deepEqual(results[0], results[1])
    assert.ok(new Set(results[0]).size > 5, `${results[0]} says nothing`)
    await truth.dispose()
  })

  for (const dtype of ['F16', 'BF16'] as const) {
    it(`widens ${dtype} weights while loading`, async () => {
      const stored = writeRandomCheckpoint({ seed: 33, dtype })
      const logits: Float32Array[] = []
      const features: Float32Array[] = []
      for (const backend of [onnx, reference]) {
        const decoder = await backend.loadDecoder(stored, OPTIONS)
        const [result] = await decoder.step([
          { sequence: 1, input: [{ kind: 'tokens', ids: Int32Array.of(5, 6, 7) }], want: 'logits' },
        ])
        logits.push(result!.values!)
        await decoder.dispose()
        const encoder = await backend.loadEncoder(stored, OPTIONS)
        features.push(await encoder.encode(new Float32Array(3 * 160 * 160).fill(0.25), 1))
        await encoder.dispose()
      }
      assertClose(logits[0]!, logits[1]!, 1e-5)
      assertClose(features[0]!, features[1]!, 1e-5)
      rmSync(stored, { recursive: true })
    })
  }
})

describe('createBackend', () => {
  it('names the backends that it knows when asked for another', async () => {
    await assert.rejects(createBackend('cuda'), {
      code: 'invalid_config',
      message: 'backend "cuda" is not known; known: native, onnx, reference',
    })
  })
})

async function greedy(
  session: DecoderSession,
  prompt: Int32Array,
  count: number,
): Promise<number[]> {
  const answer: number[] = []
  let ids = prompt
  while (answer.length < count) {
    const [result] = await session.step([
      { sequence: 1, input: [{ kind: 'tokens', ids }], want: 'logits' },
    ])
    answer.push(argmax(result!.values!))
    ids = Int32Array.of(answer.at(-1)!)
  }
  session.free(1)
  return answer
}
