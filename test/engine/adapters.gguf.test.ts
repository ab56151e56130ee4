/** Adapters of a checkpoint fit what llama.cpp's converter made of it, whose rows of q and k are in another order, and fused weights. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { loadModelConfig } from '../../models/load-config.ts'
import type { BackendOptions } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { prepared, randomAdapter, writeAdapter, writeMerged } from '../support/adapters.ts'
import { logitsOf, randomIds, row, tokens } from '../support/decoder-rows.ts'
import { convertCheckpoint } from '../support/gguf-conversion.ts'
import { writeGguf } from '../support/gguf-file.ts'
import { NO_ADDON } from '../support/native-programs.ts'
import { FIXTURES } from '../support/recorded-cases.ts'
import { assertClose } from '../support/relative-error.ts'

const OPTIONS: BackendOptions = {
  ...{ threads: 1, kvCacheBytes: 8 << 20, kvBlockSize: 16, adapters: true },
}

describe('adapters over models of other layouts', { skip: NO_ADDON }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'aerie-gguf-'))
  after(() => rmSync(scratch, { recursive: true }))

  for (const [name, pre] of [
    ['llama-minitron-width', 'llama-bpe'],
    ['phi3', undefined],
    ['gemma3-text', undefined],
  ] as const)
    it(`give with ${name}, as a folder and as GGUF, what merged weights give`, async () => {
      const backend = await createBackend('native')
      const folder = join(FIXTURES, 'decoders', name, 'checkpoint')
      const path = join(scratch, `${name}.gguf`)
      writeGguf(path, convertCheckpoint(folder, pre))
      const matrices = randomAdapter((await loadModelConfig(folder)).graphs.decoder!, { seed: 31 })
      const adapter = writeAdapter(join(scratch, name), matrices)
      const merged = writeMerged(folder, matrices, join(scratch, `${name}-merged`))
      const input = tokens(...randomIds(32, 15))
      const adapted = async (model: string) => {
        const session = await backend.loadDecoder(model, OPTIONS)
        session.adapters!.add(7, await prepared(backend, model, adapter))
        const [logits] = await logitsOf(session, [{ ...row(1, input), adapter: 7 }])
        await session.dispose()
        return logits!
      }
      const whole = await backend.loadDecoder(merged, OPTIONS)
      const [expected] = await logitsOf(whole, [row(1, input)])
      await whole.dispose()
      for (const model of [folder, path]) assertClose(await adapted(model), expected!, 1e-4, model)
    })
})
