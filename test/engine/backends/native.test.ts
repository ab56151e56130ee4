/** The native backend: the contract to the last bit, and the reference's numbers. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { Backend, DecoderSession, Row } from '../../../src/engine/backend.ts'
import { createBackend } from '../../../src/engine/backends/create.ts'
import { testBackendContract } from '../../support/backend-contract.ts'
import { skipOf } from '../../support/backends.ts'
import { quantiseFolder } from '../../support/quantise-folder.ts'
import { argmax, assertClose, relativeError } from '../../support/relative-error.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { writeRandomCheckpoint } from '../../support/starter-checkpoint.ts'

const native = await createBackend('native')
const reference = await createBackend('reference')
const OPTIONS = { threads: 2, kvCacheBytes: 8 << 20, kvBlockSize: 16 }
const FORMS = {
  int4: { method: 'int4', group: 32 },
  int8: { method: 'int8', group: 128 },
} as const

const skip = skipOf('native')
if (skip !== false) {
  it('the native backend', { skip }, () => {})
} else {
  // The towers of the starter are ONNX Runtime's, whose sums depend on the batch.
  testBackendContract(native, { same: 0, sameTiles: 1e-5 })
  for (const [as, options] of Object.entries(FORMS)) {
    const prepare = (folder: string) => quantiseFolder(folder, options)
    testBackendContract(native, { prepared: { as, prepare }, same: 0, sameTiles: 0.05 })
  }
  for (const kvCacheType of ['f16', 'int8'] as const)
    testBackendContract(native, { kvCacheType, same: 0, sameTiles: 1e-5 })
  describe('the native backend', testNative)
}

function testNative(): void {
  let folder: string
  let session: DecoderSession
  before(async () => {
    folder = writeRandomCheckpoint({ seed: 31 })
    session = await native.loadDecoder(folder, OPTIONS)
  })
  after(async () => {
    await session.dispose()
    rmSync(folder, { recursive: true })
  })

  it('gives the same bits with one thread and two, alone and among eight', async () => {
    const random = seededRandom(32)
    const ids = (count: number) =>
      Int32Array.from({ length: count }, () => Math.floor(random() * session.vocabSize))
    const prompts = Array.from({ length: 8 }, (_, i) => ids(60 + 3 * i))
    const together = await session.step(prompts.map((tokens, i) => row(i, tokens)))
    const single = await native.loadDecoder(folder, { ...OPTIONS, threads: 1 })
    for (const [i, tokens] of prompts.entries()) {
      const [alone] = await single.step([row(i, tokens)])
      assert.deepEqual(together[i]!.values, alone!.values)
    }
    await single.dispose()
    for (let i = 0; i < 8; i++) session.free(i)
  })

  // Largest difference of a logit over the largest logit; half precision has 11 bits, int8 about 7.
  for (const [kvCacheType, least, most] of [
    ['f16', 1e-6, 1e-3],
    ['int8', 1e-4, 3e-2],
  ] as const) {
    it(`comes with ${kvCacheType} keys and values within ${most} of float32, in less memory`, async () => {
      const options = { ...OPTIONS, kvCacheType }
      const small = await native.loadDecoder(folder, options)
      assert.ok(small.kv.blocksTotal > 1.7 * session.kv.blocksTotal, String(small.kv.blocksTotal))
      const random = seededRandom(34)
      const ids = Int32Array.from({ length: 150 }, () => Math.floor(random() * session.vocabSize))
      const both = await Promise.all([session, small].map((decoder) => decoder.step([row(1, ids)])))
      const [exact, rounded] = both.map(([result]) => result!.values!)
      const error = relativeError(rounded!, exact!)
      assert.ok(error > least && error < most, String(error))
      await small.dispose()
      session.free(1)
    })
  }

  it('follows the reference greedily through a long answer', async () => {
    const truth = await reference.loadDecoder(folder, OPTIONS)
    const prompt = Int32Array.of(1, 17, 200, 45)
    const [ours, theirs] = await Promise.all(
      [session, truth].map((decoder) => greedy(decoder, prompt, 40)),
    )
    assert.deepEqual(ours, theirs)
    assert.ok(new Set(ours).size > 5, `${ours} says nothing`)
    await truth.dispose()
  })

  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    it(`reads ${dtype} weights as the reference does`, async () => {
      const stored = writeRandomCheckpoint({ seed: 33, dtype })
      const [ours, theirs] = await bothLogits(stored)
      assertClose(ours, theirs, 1e-5)
      rmSync(stored, { recursive: true })
    })
  }

  for (const [as, options] of Object.entries(FORMS)) {
    it(`gives with ${as} what the reference does, but for the activations' rounding`, async () => {
      const stored = writeRandomCheckpoint({ seed: 5, dtype: 'BF16' })
      await quantiseFolder(stored, options)
      const [ours, theirs] = await bothLogits(stored)
      const error = relativeError(ours, theirs)
      assert.ok(error > 0 && error < 0.05, String(error))
      rmSync(stored, { recursive: true })
    })
  }
}

async function bothLogits(folder: string): Promise<[Float32Array, Float32Array]> {
  return [await logitsOf(native, folder), await logitsOf(reference, folder)]
}

async function logitsOf(backend: Backend, folder: string): Promise<Float32Array> {
  const decoder = await backend.loadDecoder(folder, OPTIONS)
  const ids = Int32Array.from({ length: 12 }, (_, i) => 3 + 7 * i)
  const [result] = await decoder.step([row(1, ids)])
  await decoder.dispose()
  return result!.values!
}

function row(sequence: number, ids: Int32Array): Row {
  return { sequence, input: [{ kind: 'tokens', ids }], want: 'logits' }
}

async function greedy(
  session: DecoderSession,
  prompt: Int32Array,
  count: number,
): Promise<number[]> {
  const answer: number[] = []
  let ids = prompt
  while (answer.length < count) {
    const [result] = await session.step([row(1, ids)])
    answer.push(argmax(result!.values!))
    ids = Int32Array.of(answer.at(-1)!)
  }
  session.free(1)
  return answer
}
