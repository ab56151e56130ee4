/** What PEFT computes with an adapter, the engine writes: numbers, greedy answers, and adapters in one batch. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { AdapterId, BackendOptions, DecoderSession } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { ADAPTERS, PLAIN, prepared, QWEN2, RANK_STABILISED } from '../support/adapters.ts'
import { row, tokens } from '../support/decoder-rows.ts'
import { NO_ADDON } from '../support/native-programs.ts'
import { argmax, assertClose } from '../support/relative-error.ts'
import { readSafetensors } from '../support/safetensors-file.ts'

const recorded: {
  readonly ids: readonly number[]
  readonly greedy: Readonly<Record<string, readonly number[]>>
} = JSON.parse(readFileSync(join(ADAPTERS, 'recorded.json'), 'utf8'))
const stages = readSafetensors(join(ADAPTERS, 'recorded.safetensors'))
/** By the names of the recording. */
const FOLDERS = { plain: PLAIN, 'rank-stabilised': RANK_STABILISED }
const NUMBERS: Readonly<Record<string, AdapterId | undefined>> = {
  base: undefined,
  plain: 0,
  'rank-stabilised': 1,
}
/** What is promised of float32. */
const EXACT = 1e-4

const OPTIONS: BackendOptions = {
  ...{ threads: 1, kvCacheBytes: 4 << 20, kvBlockSize: 16, adapters: true },
}

for (const name of ['native', 'reference'] as const)
  describe(`adapters of PEFT on ${name}`, { skip: name === 'native' && NO_ADDON }, () => {
    const withSession = async (test: (session: DecoderSession) => Promise<void>) => {
      const backend = await createBackend(name)
      const session = await backend.loadDecoder(QWEN2, OPTIONS)
      for (const [i, folder] of Object.values(FOLDERS).entries())
        session.adapters!.add(i, await prepared(backend, QWEN2, folder))
      await test(session)
      await session.dispose()
    }

    it('give its logits, all in one step', () =>
      withSession(async (session) => {
        const names = Object.keys(NUMBERS)
        const results = await session.step(
          names.map((key, i) => ({
            ...row(i, tokens(...recorded.ids)),
            wantLast: 2,
            adapter: NUMBERS[key],
          })),
        )
        for (const [i, key] of names.entries())
          assertClose(results[i]!.values!, stages.get(`${key}.logits`)!, EXACT, key)
      }))

    it('write its greedy answers, side by side', () =>
      withSession(async (session) => {
        const names = Object.keys(NUMBERS)
        const answers = names.map((): number[] => [])
        let next = names.map(() => tokens(...recorded.ids))
        for (let step = 0; step < recorded.greedy['base']!.length; step++) {
          const results = await session.step(
            next.map((input, i) => ({ ...row(i, input), adapter: NUMBERS[names[i]!] })),
          )
          for (const [i, { values }] of results.entries()) answers[i]!.push(argmax(values!))
          next = answers.map((answer) => tokens(answer.at(-1)!))
        }
        for (const [i, key] of names.entries()) assert.deepEqual(answers[i], recorded.greedy[key])
      }))
  })
