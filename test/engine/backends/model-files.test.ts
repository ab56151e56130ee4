/** What a backend says about a model folder that it cannot load. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createBackend } from '../../../src/engine/backends/create.ts'
import { headerBytes } from '../../support/safetensors-file.ts'
import { writeRandomCheckpoint } from '../../support/starter-checkpoint.ts'

const OPTIONS = { threads: 1, kvCacheBytes: 1 << 20, kvBlockSize: 16 }
const onnx = await createBackend('onnx')

interface HeaderEntry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

describe('loading a model folder', () => {
  let folder: string
  beforeEach(() => {
    folder = writeRandomCheckpoint({ seed: 41 })
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const refuses = async (message: RegExp) => {
    await assert.rejects(onnx.loadDecoder(folder, OPTIONS), { code: 'invalid_package', message })
    await assert.rejects(onnx.loadEncoder(folder, OPTIONS), { code: 'invalid_package', message })
  }

  it('refuses one without config.json or weights', async () => {
    rmSync(join(folder, 'model.safetensors'))
    await refuses(/model\.safetensors cannot be opened/)
    rmSync(join(folder, 'config.json'))
    await refuses(/config\.json: there is no such file/)
  })

  it('refuses weights that lack a tensor or have one too many, whichever part is loaded', async () => {
    editHeader(folder, (header) => {
      header['surplus'] = header['projector.0.bias']!
      delete header['projector.0.bias']
    })
    await refuses(/^checkpoint: no tensor for projector\.0\.bias; surplus is used by nothing$/)
  })

  it('refuses a tensor of another shape', async () => {
    editHeader(folder, (header) => header['model.norm.weight']!.shape.unshift(1))
    await refuses(/^checkpoint: model\.norm\.weight is \[1, 64\], expected \[64\]$/)
  })

  it('refuses an element type that it cannot widen', async () => {
    editHeader(folder, (header) => {
      for (const tensor of Object.values(header)) tensor.dtype = 'I32'
    })
    await refuses(/is of type I32, expected F32, F16 or BF16$/)
  })
})

/** Rewrites the header of the folder's weights; the data stays. */
function editHeader(folder: string, edit: (header: Record<string, HeaderEntry>) => void): void {
  const path = join(folder, 'model.safetensors')
  const bytes = readFileSync(path)
  const dataStart = 8 + Number(bytes.readBigUInt64LE())
  const { __metadata__: _, ...header } = JSON.parse(bytes.subarray(8, dataStart).toString())
  edit(header)
  writeFileSync(
    path,
    Buffer.concat([headerBytes(JSON.stringify(header)), bytes.subarray(dataStart)]),
  )
}
