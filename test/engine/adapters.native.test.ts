/** The engine with adapters on the native runtime: answers are the same with and without speculation, preemption and company. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { kvGeometry } from '../../models/graph/graph.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { AdapterFolder } from '../../src/adapters/adapter-folder.ts'
import { adapterBaseOf } from '../../src/adapters/model-base.ts'
import { AdapterRoom } from '../../src/engine/adapter-room.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { kvPositionBytes } from '../../src/engine/backends/native-kv.ts'
import type { EngineOptions } from '../../src/engine/engine.ts'
import type { CoreStats } from '../../src/engine/engine-commands.ts'
import type { Draft } from '../../src/engine/scheduler.ts'
import { prepared, randomAdapter, writeAdapter } from '../support/adapters.ts'
import { EngineDriver, GREEDY, request, tokens } from '../support/engine-driver.ts'
import { NEVER, startSmall } from '../support/engine-suite.ts'
import { NO_ADDON } from '../support/native-programs.ts'
import { STARTER_CHECKPOINT } from '../support/starter-checkpoint.ts'
import { collect, idsOf } from '../support/toy-engine.ts'

/** Says again what was said, so that there is something to guess. */
const PROMPT = [tokens(1, ...Array.from({ length: 40 }, (_, i) => 20 + (i % 5)))]

const ASKS = [undefined, 'a', 'b', 'c', 'a', undefined, 'c', 'b']
const SAMPLED = { ...GREEDY, temperature: 0.8, seed: 3, topLogprobs: 2 }

describe('the engine with adapters', { skip: NO_ADDON }, () => {
  let folder: string
  let list: NonNullable<EngineOptions['adapters']>['list']
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-adapters-'))
    const { graphs } = await loadModelConfig(STARTER_CHECKPOINT)
    const base = await adapterBaseOf(STARTER_CHECKPOINT)
    list = await Promise.all(
      ['a', 'b', 'c'].map(async (name, i) => {
        const at = writeAdapter(
          join(folder, name),
          randomAdapter(graphs.decoder!, { seed: 80 + i, size: 0.15 }),
        )
        await using opened = await AdapterFolder.open({ name, folder: at }, base, { maxRank: 64 })
        const { digest, bytes } = await opened.facts()
        return { name, folder: at, digest, bytes }
      }),
    )
  })
  after(() => rmSync(folder, { recursive: true }))

  /** What each of the asks is answered, on a session of so many blocks. */
  async function answers(
    blocks: number,
    options: { readonly maxRunning: number; readonly draft?: Draft },
  ): Promise<{ chosen: unknown[]; stats: CoreStats }> {
    const backend = await createBackend('native')
    const geometry = kvGeometry((await loadModelConfig(STARTER_CHECKPOINT)).graphs.decoder!)
    const session = await backend.loadDecoder(STARTER_CHECKPOINT, {
      ...{ threads: 2, kvBlockSize: 16, adapters: true },
      kvCacheBytes: blocks * 16 * kvPositionBytes(geometry, 'f32'),
    })
    const room = new AdapterRoom({
      ...{ session: session.adapters!, adapters: list, maxLoaded: 2, maxBytes: 1 << 24 },
      loader: {
        load: ({ folder: at }) => prepared(backend, STARTER_CHECKPOINT, at),
        dispose: async () => {},
      },
      now: () => performance.now(),
      onNews: () => {},
    })
    const driver = new EngineDriver(session, {
      ...{ adapters: room, prefixCacheBlocks: 4, stepTokenBudget: 48, ...options },
      maxDraftTokens: options.draft ? 8 : 0,
    })
    const ids = ASKS.map((adapter) =>
      driver.submit({
        ...{ prompt: PROMPT, maxTokens: 40, sampling: SAMPLED },
        ...(adapter !== undefined && { adapter }),
      }),
    )
    while (ids.some((id) => driver.endings(id).length === 0)) {
      if (driver.core.hasWork) await driver.step()
      else await setImmediate()
    }
    const stats = driver.core.takeStats()
    await session.dispose()
    assert.deepEqual(driver.failures, [])
    const chosen = ids.map((id) => driver.events.get(id)!.filter(({ type }) => type === 'token'))
    return { chosen, stats }
  }

  it('gives the same tokens and log probabilities one by one, in a crowd, guessed ahead and out of room', async () => {
    const { chosen: expected } = await answers(64, { maxRunning: 1 })
    const different = new Set(expected.map((tokens) => JSON.stringify(tokens)))
    assert.equal(different.size, 4, 'the model and three adapters')
    const crowd = await answers(64, { maxRunning: 8 })
    assert.deepEqual(crowd.chosen, expected)
    const guessed = await answers(64, { maxRunning: 4, draft: echo })
    assert.deepEqual(guessed.chosen, expected)
    assert.ok(guessed.stats.draftedTokens > 0)
    // Two prompts that share their beginning fit, and not their answers.
    const crowded = await answers(7, { maxRunning: 4 })
    assert.deepEqual(crowded.chosen, expected)
    assert.ok(crowded.stats.preemptions > 0)
    assert.ok(crowded.stats.adapters!.evictions > 0)
  })

  it('refuses one that it does not have, and ends the wait of who leaves', async () => {
    const engine = await startSmall({
      backend: 'native',
      adapters: { list, maxLoaded: 2, maxBytes: 1 << 24, maxRank: 64 },
    })
    assert.throws(() => engine.generate(request({ adapter: 'z' }), NEVER), {
      code: 'invalid_request',
    })
    const leave = new AbortController()
    const left = collect(engine.generate(request({ prompt: PROMPT, adapter: 'a' }), leave.signal))
    leave.abort()
    await assert.rejects(left, { code: 'cancelled' })
    const events = await collect(engine.generate(request({ prompt: PROMPT, adapter: 'a' }), NEVER))
    assert.ok(idsOf(events).length > 0)
    assert.deepEqual(engine.stats().adapters?.loaded, ['a'])
    await engine.dispose()
  })
})

/** Guesses what stands at the beginning of the prompt; some of it comes true by chance. */
const echo: Draft = (sequence, most) => {
  const [first] = sequence.spans(1, 1 + most)
  return first?.kind === 'tokens' ? [...first.ids] : []
}
