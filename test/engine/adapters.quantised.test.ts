/** Adapters over quantised weights: no further from the float model than its weights are, and the same beside anything. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { loadModelConfig } from '../../models/load-config.ts'
import type { BackendOptions } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { prepared, randomAdapter, writeAdapter } from '../support/adapters.ts'
import { logitsOf, randomIds, row, tokens } from '../support/decoder-rows.ts'
import { NO_ADDON } from '../support/native-programs.ts'
import { quantiseFolder } from '../support/quantise-folder.ts'
import { relativeError } from '../support/relative-error.ts'
import { writeRandomCheckpoint } from '../support/starter-checkpoint.ts'

const OPTIONS: BackendOptions = {
  ...{ threads: 1, kvCacheBytes: 8 << 20, kvBlockSize: 16, adapters: true },
}
/** Random weights have no outliers and no rows that matter less: an int4 model of them is far from the float one. */
const MOST_OF_BASE = 2

describe('adapters over quantised weights', { skip: NO_ADDON }, () => {
  const forms = {
    int8: { method: 'int8', group: 32 },
    int4: { method: 'int4', group: 32 },
  } as const
  for (const [name, form] of Object.entries(forms))
    it(`are about as far from the float model with ${name} as the model itself is`, async (test) => {
      const backend = await createBackend('native')
      const folder = writeRandomCheckpoint({ seed: 21, dtype: 'BF16' })
      try {
        const { graphs } = await loadModelConfig(folder)
        const written = writeAdapter(
          join(folder, 'adapter'),
          randomAdapter(graphs.decoder!, { seed: 22, rank: 8, size: 0.1 }),
          { peft_type: 'LORA', r: 8, lora_alpha: 8, target_modules: 'all-linear' },
        )
        const input = tokens(...randomIds(23, 24))
        const logits = async () => {
          const session = await backend.loadDecoder(folder, OPTIONS)
          session.adapters!.add(0, await prepared(backend, folder, written))
          const [base] = await logitsOf(session, [row(1, input)])
          const [adapted] = await logitsOf(session, [{ ...row(2, input), adapter: 0 }])
          const among = await logitsOf(session, [row(3, input), { ...row(4, input), adapter: 0 }])
          assert.deepEqual(among, [base, adapted])
          await session.dispose()
          return { base: base!, adapted: adapted! }
        }
        const float = await logits()
        await quantiseFolder(folder, form)
        const quantised = await logits()
        const errors = {
          base: relativeError(quantised.base, float.base),
          adapted: relativeError(quantised.adapted, float.adapted),
          changed: relativeError(float.adapted, float.base),
        }
        test.diagnostic(
          `${name}: largest difference of a logit ${percent(errors.base)} without, ${percent(errors.adapted)} with the adapter, which changes ${percent(errors.changed)}`,
        )
        assert.ok(
          errors.adapted > 0 && errors.adapted < MOST_OF_BASE * errors.base,
          JSON.stringify(errors),
        )
        assert.ok(errors.changed > 0.1, 'the adapter does next to nothing')
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
})

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}
