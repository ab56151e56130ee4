/** What is told of weights as a whole, and that it is told without holding up the thread that asks. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import { openModelSource } from '../../src/weights/model-source.ts'
import { surveyWeights } from '../../src/weights/weight-survey.ts'
import type { WeightTensor } from '../../src/weights/weights.ts'
import { copyCheckpoint, scratchFolder } from '../support/checkpoint-folder.ts'
import { quantiseFolder } from '../support/quantise-folder.ts'

describe('the survey of weights', () => {
  let scratch: string
  before(() => {
    scratch = scratchFolder()
  })
  after(() => rmSync(scratch, { recursive: true }))

  it('counts tensors by the dtype that they are stored in, and what they take widened', () => {
    const tensors = [
      { dtype: 'BF16', shape: [2, 3], byteLength: 12 },
      { dtype: 'BF16', shape: [4], byteLength: 8 },
      { dtype: 'F32', shape: [], byteLength: 4 },
    ].map((tensor, i) => ({ name: `${i}`, path: '', offset: 0, ...tensor }) as WeightTensor)
    assert.deepEqual(surveyWeights(tensors), {
      ...{ parameters: 11, bytes: 24, dtypes: { BF16: 2, F32: 1 } },
      ...{ heldBytes: 24, widenedBytes: 44, isQuantised: false, hasBlocks: false },
    })
  })

  it('of a folder is by a thread what it is by the weights themselves, quantised or not', async () => {
    const plain = copyCheckpoint('decoders/qwen2', join(scratch, 'plain'))
    const quantised = copyCheckpoint('decoders/qwen2', join(scratch, 'quantised'))
    await quantiseFolder(quantised, { method: 'int8', group: 32 })
    for (const folder of [plain, quantised]) {
      const source = await openModelSource(folder)
      const survey = await source.survey()
      await using weights = await source.openWeights()
      assert.deepEqual(survey, surveyWeights(weights.tensors.values()))
      assert.equal(survey.isQuantised, folder === quantised)
      assert.equal(await source.survey(), survey, 'asked twice, read once')
    }
  })

  it('of a damaged file says what the weights themselves would', async () => {
    const folder = copyCheckpoint('decoders/qwen2', join(scratch, 'damaged'))
    writeFileSync(join(folder, 'model.safetensors'), Buffer.alloc(16, 0xff))
    const source = await openModelSource(folder)
    const failure = async (work: Promise<unknown>) => {
      const error = await work.then(
        () => undefined,
        (thrown) => thrown,
      )
      assert.ok(error instanceof AerieError)
      return [error.code, error.message]
    }
    assert.deepEqual(await failure(source.survey()), await failure(source.openWeights()))
  })

  it('leaves the thread that asks its turns, whatever the number of tensors', async () => {
    const folder = join(scratch, 'many')
    mkdirSync(folder)
    copyCheckpoint('decoders/qwen2', folder)
    const tensors: Record<string, object> = {}
    for (let i = 0; i < 100_000; i++)
      tensors[`model.layers.${i}.weight`] = { dtype: 'U8', shape: [1], data_offsets: [i, i + 1] }
    const header = Buffer.from(JSON.stringify(tensors))
    const prefix = Buffer.alloc(8)
    prefix.writeBigUInt64LE(BigInt(header.length))
    const file = Buffer.concat([prefix, header, Buffer.alloc(100_000)])
    writeFileSync(join(folder, 'model.safetensors'), file)
    const source = await openModelSource(folder)
    const busy = async (work: () => Promise<unknown>) => {
      const before = process.threadCpuUsage()
      await work()
      const { user, system } = process.threadCpuUsage(before)
      return user + system
    }
    await (await openModelSource(folder)).survey()
    const here = await busy(async () => (await source.openWeights()).close())
    const asked = await busy(async () => source.survey())
    assert.ok(asked < here / 3, `${asked} µs of this thread, and ${here} µs to read it here`)
  })
})
