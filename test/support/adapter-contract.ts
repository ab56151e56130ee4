/** What every backend promises of adapters, or that it has none; part of its contract. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModelConfig } from '../../models/load-config.ts'
import type { Backend, BackendOptions, DecoderSession, Row } from '../../src/engine/backend.ts'
import { decoderGraph } from '../../src/engine/backends/model-files.ts'
import { type Matrix, prepared, randomAdapter, writeAdapter, writeMerged } from './adapters.ts'
import { embeddings, logitsOf, randomIds, row, tokens } from './decoder-rows.ts'
import { assertClose, relativeError } from './relative-error.ts'

export interface AdapterContract {
  readonly backend: Backend
  /** The checkpoint's folder. */
  readonly folder: () => string
  readonly options: () => BackendOptions
  readonly same: number
  /** Whether the weights are the checkpoint's floats, so that an adapter can be merged into them. */
  readonly isFloat: boolean
  readonly promise: (title: string, test: () => Promise<void> | void) => void
}

/** Merged weights are rounded to floats once more than the sum is. */
const MERGED = 1e-4
const SEEDS = [101, 102, 103]

export function testAdapterContract(contract: AdapterContract): void {
  const { backend, folder, options, same, isFloat, promise } = contract
  if (!backend.prepareAdapter) {
    promise('adapters are refused by name', async () => {
      await assert.rejects(backend.loadDecoder(folder(), { ...options(), adapters: true }), {
        code: 'invalid_config',
        message: `adapters need the native runtime; this is ${backend.name}`,
      })
    })
    return
  }

  /** A session with an adapter for each seed, by the numbers 0, 1, …. */
  const withAdapters = async (
    test: (
      session: DecoderSession,
      matrices: readonly Record<string, Matrix>[],
      temporary: string,
    ) => Promise<void>,
  ) => {
    const temporary = mkdtempSync(join(tmpdir(), 'aerie-adapters-'))
    const session = await backend.loadDecoder(folder(), { ...options(), adapters: true })
    try {
      const decoder = decoderGraph(await loadModelConfig(folder()))
      const matrices = SEEDS.map((seed, i) => randomAdapter(decoder, { seed, rank: 2 + i }))
      for (const [i, adapter] of matrices.entries()) {
        const written = writeAdapter(join(temporary, `${i}`), adapter, configOf(2 + i))
        session.adapters!.add(i, await prepared(backend, folder(), written))
      }
      await test(session, matrices, temporary)
    } finally {
      await session.dispose()
      rmSync(temporary, { recursive: true })
    }
  }

  promise('rows of one step have each their own adapter, or none, as if they were alone', () =>
    withAdapters(async (session) => {
      const rows: readonly (readonly [adapter: number | undefined, input: Row['input']])[] = [
        [1, [tokens(...randomIds(71, 9))]],
        [undefined, [tokens(...randomIds(72, 5))]],
        [0, [tokens(3), embeddings(73, 4, session.hiddenSize), tokens(4)]],
        [1, [tokens(...randomIds(74, 1))]],
        [2, [tokens(...randomIds(75, 13))]],
        [undefined, [tokens(...randomIds(71, 9))]],
        [0, [tokens(...randomIds(71, 9))]],
      ]
      const alone: Float32Array[] = []
      for (const [i, [adapter, input]] of rows.entries())
        alone.push((await logitsOf(session, [adapted(i, input, adapter)]))[0]!)
      const together = await logitsOf(
        session,
        rows.map(([adapter, input], i) => adapted(10 + i, input, adapter)),
      )
      for (const [i, logits] of together.entries()) assertClose(logits, alone[i]!, same, `row ${i}`)
      for (const [a, b] of [
        [0, 5],
        [0, 6],
        [5, 6],
      ] as const)
        assert.ok(relativeError(alone[a]!, alone[b]!) > 0.01, `rows ${a} and ${b} are alike`)
    }),
  )

  promise('rows without an adapter are what they are in a session without any, bit for bit', () =>
    withAdapters(async (session) => {
      const input = tokens(...randomIds(76, 11))
      const plain = await backend.loadDecoder(folder(), options())
      const [expected] = await logitsOf(plain, [row(1, input)])
      await plain.dispose()
      const [among] = await logitsOf(session, [row(1, input), adapted(2, [input], 0)])
      assert.deepEqual(among, expected)
    }),
  )

  promise('an adapter reads on over chunks, forks and drafts as it would at once', () =>
    withAdapters(async (session) => {
      const ids = randomIds(77, 12)
      const [whole] = await logitsOf(session, [adapted(1, [tokens(...ids)], 2)])
      await session.step([
        { ...adapted(2, [tokens(...ids.slice(0, 7))], 2), want: 'none' },
        { ...adapted(3, [tokens(...ids.slice(0, 4))], 1), want: 'none' },
      ])
      session.fork(4, 2, 6)
      await session.step([{ ...adapted(4, [tokens(...ids.slice(6, -2), 5, 6)], 2), want: 'none' }])
      session.truncate(4, ids.length - 2)
      const [forked] = await logitsOf(session, [
        { ...adapted(4, [tokens(...ids.slice(-2))], 2) },
        { ...adapted(3, [tokens(9)], 1) },
      ])
      assertClose(forked!, whole!, same)
    }),
  )

  promise('an adapter that is not there is refused, and one that was removed', () =>
    withAdapters(async (session) => {
      const input = [tokens(1, 2)]
      session.adapters!.remove(1)
      session.adapters!.remove(1)
      for (const adapter of [1, 9])
        await assert.rejects(session.step([adapted(1, input, 0), adapted(2, input, adapter)]), {
          code: 'backend_failure',
        })
      assert.deepEqual([session.length(1), session.kv.blocksUsed], [0, 0])
      await session.step([adapted(1, input, 0), adapted(2, input, 2)])
    }),
  )

  if (!isFloat) return
  promise('an adapter gives what its weights give when they are merged', () =>
    withAdapters(async (session, matrices, temporary) => {
      const ids = randomIds(78, 7)
      for (const [i, adapter] of [...matrices.entries()].slice(1, 2)) {
        const merged = writeMerged(folder(), adapter, join(temporary, `merged-${i}`))
        const other = await backend.loadDecoder(merged, options())
        const [expected] = await logitsOf(other, [row(1, tokens(...ids))])
        await other.dispose()
        const [logits] = await logitsOf(session, [adapted(i, [tokens(...ids)], i)])
        assertClose(logits!, expected!, MERGED, `adapter ${i}`)
      }
    }),
  )
}

function configOf(rank: number): object {
  return { peft_type: 'LORA', r: rank, lora_alpha: 3, target_modules: 'all-linear' }
}

function adapted(sequence: number, input: Row['input'], adapter: number | undefined): Row {
  return { ...row(sequence, input), adapter }
}
