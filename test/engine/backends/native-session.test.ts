import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadModelConfig } from '../../../models/load-config.ts'
import { createBackend } from '../../../src/engine/backends/create.ts'
import { type ModelFiles, openModelFiles } from '../../../src/engine/backends/model-files.ts'
import { NativeSession } from '../../../src/engine/backends/native-session.ts'
import { encoderGraph } from '../../../src/engine/backends/tile-encoder.ts'
import { skipOf } from '../../support/backends.ts'
import { FIXTURES } from '../../support/recorded-cases.ts'
import { assertClose } from '../../support/relative-error.ts'
import { writeRandomCheckpoint } from '../../support/starter-checkpoint.ts'

const VILA = join(FIXTURES, 'vila/vila15/checkpoint')
/** SAM, among its towers, has relative positions. */
const X5 = join(FIXTURES, 'eagle/x5-vicuna-s160/checkpoint')

describe('a session of the native runtime', { skip: skipOf('native') }, () => {
  let folder: string
  let files: ModelFiles
  before(async () => {
    folder = writeRandomCheckpoint({ seed: 3 })
    files = await openModelFiles(folder)
  })
  after(async () => {
    await files.checkpoint.close()
    rmSync(folder, { recursive: true })
  })

  it('refuses a graph that it cannot run, naming the operation', async () => {
    const { graphs } = await loadModelConfig(X5)
    await assert.rejects(NativeSession.load(graphs.encoder!, files, { threads: 1 }), {
      code: 'backend_failure',
      message: /^encoder cannot be run by the native runtime: relativeAttention of/,
    })
  })

  it('says what is wrong with a run, and refuses runs once it is disposed', async () => {
    const session = await NativeSession.load(files.graphs.decoder!, files, { threads: 1 })
    const run = { dims: { tokens: 1, wanted: 1 }, inputs: {}, outputs: {} }
    assert.throws(() => session.run(run), {
      code: 'backend_failure',
      message: /^native runtime: .*input/,
    })
    session.dispose()
    session.dispose()
    assert.throws(() => session.run(run), { code: 'backend_failure', message: /disposed/ })
  })

  it('computes towers that it can, and leaves the others to ONNX Runtime', async () => {
    const options = { threads: 2, kvCacheBytes: 1, kvBlockSize: 16 }
    for (const model of [VILA, folder, X5]) {
      const features: Float32Array[] = []
      for (const name of ['native', 'reference']) {
        const encoder = await (await createBackend(name)).loadEncoder(model, options)
        const shape = encoderGraph(await opened(model)).inputs[0]!.value.shape.slice(1) as number[]
        const size = shape.reduce((product, side) => product * side, 1)
        const pixels = Float32Array.from({ length: 2 * size }, (_, i) => Math.sin(i / 99))
        features.push(await encoder.encode(pixels, 2))
        await encoder.dispose()
      }
      assertClose(features[0]!, features[1]!, 1e-5)
    }
  })

  it('refuses a block size that the runtime has no room for', async () => {
    const native = await createBackend('native')
    const options = { threads: 1, kvCacheBytes: 64 << 20, kvBlockSize: 5000 }
    await assert.rejects(native.loadDecoder(folder, options), {
      code: 'invalid_config',
      message:
        /^native KV cache \(kvBlockSize 5000, \d+ layers of \d+ heads of size \d+, type f32\): .*blockSize is 5000/,
    })
  })
})

async function opened(model: string): Promise<ModelFiles> {
  const files = await openModelFiles(model)
  await files.checkpoint.close()
  return files
}
