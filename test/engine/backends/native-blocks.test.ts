/** Decoders out of GGUF files on the native runtime, which multiplies with their blocks as they are. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { createBackend } from '../../../src/engine/backends/create.ts'
import { openModelFiles } from '../../../src/engine/backends/model-files.ts'
import { programFor } from '../../../src/engine/backends/native-session.ts'
import { BLOCKS, type BlockType } from '../../../src/weights/gguf-blocks.ts'
import { skipOf } from '../../support/backends.ts'
import { scratchFolder } from '../../support/checkpoint-folder.ts'
import { convertCheckpoint } from '../../support/gguf-conversion.ts'
import { writeGguf } from '../../support/gguf-file.ts'
import { randomBlocksModel } from '../../support/gguf-random.ts'
import { FIXTURES } from '../../support/recorded-cases.ts'
import { relativeError } from '../../support/relative-error.ts'

/** What 8 bits for activations make of random weights in all layers. */
const ROUNDED = 0.05
const OPTIONS = { threads: 2, kvCacheBytes: 8 << 20, kvBlockSize: 16 }
const BASES = { llama: 'llama-minitron-width', phi3: 'phi3' } as const

describe('blocks of GGUF on the native runtime', { skip: skipOf('native') }, () => {
  const scratch = scratchFolder()
  after(() => rmSync(scratch, { recursive: true }))
  const base = (arch: 'llama' | 'phi3') =>
    convertCheckpoint(join(FIXTURES, 'decoders', BASES[arch], 'checkpoint'))

  for (const arch of ['llama', 'phi3'] as const) {
    for (const type of Object.keys(BLOCKS) as BlockType[]) {
      it(`give in ${arch} files with ${type} what their floats do, but for the activations' rounding`, async () => {
        const path = join(scratch, `${arch}.${type}.gguf`)
        writeGguf(path, randomBlocksModel(base(arch), arch, type))
        const [native, reference] = [await logits('native', path), await logits('reference', path)]
        const error = relativeError(native, reference)
        assert.ok(error > 0 && error < ROUNDED, String(error))
      })
    }
  }

  it('are what every product of the decoder is made with, the tied head too', async () => {
    const path = join(scratch, 'products.gguf')
    writeGguf(path, randomBlocksModel(base('llama'), 'llama', 'Q6_K'))
    const files = await openModelFiles(path)
    await files.checkpoint.close()
    const lowered = programFor(files.graphs.decoder!, files)
    assert.ok('program' in lowered)
    const { code, values } = lowered.program
    const groups = code.flatMap((instruction) =>
      instruction.op === 'linear' ? [values[instruction.in[0]!]!.group] : [],
    )
    // Seven of each of the two layers, and the head.
    assert.deepEqual(groups, new Array(15).fill(16))
  })

  it('are refused before they are used where a scale is not a number', async () => {
    for (const name of ['attn_q', 'ffn_down']) {
      const model = randomBlocksModel(base('llama'), 'llama', 'Q4_K')
      const { data } = model.tensors[`blk.1.${name}.weight`]!
      // The minimum of the fourth block.
      ;(data as Uint8Array).set([0xff, 0x7e], 3 * 144 + 2)
      const path = join(scratch, `damaged.${name}.gguf`)
      writeGguf(path, model)
      await assert.rejects(logits('native', path), {
        code: 'invalid_package',
        message: /^tensor model\.layers\.1\.\S+\.weight holds values that are no numbers$/,
      })
    }
  })
})

/** Behind each of some tokens. */
async function logits(backend: string, path: string): Promise<Float32Array> {
  const session = await (await createBackend(backend)).loadDecoder(path, OPTIONS)
  const ids = Int32Array.from({ length: 20 }, (_, i) => 3 + ((7 * i) % 300))
  const results = await session.step(
    [9, 20].map((length, sequence) => ({
      sequence,
      input: [{ kind: 'tokens', ids: ids.subarray(0, length) } as const],
      want: 'logits' as const,
    })),
  )
  await session.dispose()
  return Float32Array.from(results.flatMap(({ values }) => [...values!]))
}
