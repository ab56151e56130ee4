/** What PEFT computes with an adapter, the engine writes: numbers, greedy answers, and adapters in one batch. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { adaptableLinears } from '../../models/graph/adaptable.ts'
import { kvGeometry } from '../../models/graph/graph.ts'
import type { AdapterId, BackendOptions, DecoderSession } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { EmbeddingTable } from '../../src/engine/backends/embedding-table.ts'
import { decoderGraph, openModelFiles } from '../../src/engine/backends/model-files.ts'
import { NativeKvTable } from '../../src/engine/backends/native-kv.ts'
import { NativeSession, requireNativeAddon } from '../../src/engine/backends/native-session.ts'
import { interpret } from '../../src/engine/backends/reference/interpreter.ts'
import { tensor } from '../../src/engine/backends/reference/tensor.ts'
import { loadWeights } from '../../src/engine/backends/reference.ts'
import { ReferenceAdapters } from '../../src/engine/backends/reference-adapters.ts'
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

describe('adapters of PEFT, layer by layer', { skip: NO_ADDON }, () => {
  /** What each layer leaves, [16, 40], and the state behind the final norm, by the names of the recording. */
  const compare = (key: string, layers: ReadonlyMap<string, Float32Array | Float64Array>) => {
    for (const [stage, hidden] of [
      ['layers.0', 'hidden1'],
      ['layers.1', 'hidden2'],
      ['hidden', 'hidden3'],
    ] as const)
      assertClose(layers.get(stage)!, stages.get(`${key}.${hidden}`)!, EXACT, `${key} ${stage}`)
  }
  const count = recorded.ids.length
  const steps = Int32Array.from({ length: count }, (_, i) => i)

  for (const [key, folder] of Object.entries(FOLDERS)) {
    it(`gives what ${key} leaves, on native`, async () => {
      const files = await openModelFiles(QWEN2)
      await using _checkpoint = files.checkpoint
      const graph = decoderGraph(files)
      const session = await NativeSession.load(graph, files, {
        ...{ threads: 1, adapted: true, stages: true },
      })
      const addon = requireNativeAddon()
      const { hiddenSize } = files.limits
      const cache = new NativeKvTable(addon, {
        ...{ geometry: kvGeometry(graph), blockSize: 16, type: 'f32', bytes: 1 << 20 },
      })
      const [sequence] = cache.reserve([{ sequence: 1, positions: count }])
      const { memory, pairs } = await prepared(await createBackend('native'), QWEN2, folder)
      const names = ['layers.0', 'layers.1', 'hidden'] as const
      const outputs = Object.fromEntries(
        names.map((name) => [name, new Float32Array(count * hiddenSize)]),
      )
      const all = Int32Array.of(0, count)
      session.run({
        dims: { tokens: count, wanted: count },
        inputs: {
          embeddings: (await EmbeddingTable.load(files)).embed([tokens(...recorded.ids)]),
          ...{ positions: steps, wanted: steps },
        },
        ...{ outputs, kv: cache.store, rows: Int32Array.of(0, count, 0, 0) },
        tables: Int32Array.from(sequence!.blocks),
        adapters: [addon.createAdapter(memory, pairs)],
        adapterRows: { tokens: all, wanted: all },
      })
      compare(key, new Map(Object.entries(outputs)))
      session.dispose()
      cache.store.close()
    })

    it(`gives what ${key} leaves, on the reference`, async () => {
      const files = await openModelFiles(QWEN2)
      await using _checkpoint = files.checkpoint
      const graph = decoderGraph(files)
      const adapters = new ReferenceAdapters(adaptableLinears(graph))
      adapters.add(0, await prepared(await createBackend('reference'), QWEN2, folder))
      const embeddings = (await EmbeddingTable.load(files)).embed([tokens(...recorded.ids)])
      const row = (data: ArrayLike<number>, width?: number) =>
        tensor(width === undefined ? [1, count] : [1, count, width], Float64Array.from(data))
      const { hiddenSize } = files.limits
      const results = interpret(graph, {
        feeds: new Map([
          ['embeddings', row(embeddings, hiddenSize)],
          ['positions', row(steps)],
          ['wanted', row(steps)],
        ]),
        weights: await loadWeights(graph, files),
        cache: {
          length: 0,
          past: () => ({ keys: new Float32Array(), values: new Float32Array() }),
          append: () => {},
        },
        adapter: adapters.products(0),
      })
      compare(key, new Map([...results].map(([name, { data }]) => [name, data])))
    })
  }
})
