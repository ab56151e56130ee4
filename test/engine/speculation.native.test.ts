/** Guessing on the native backend: the same tokens and the same log probabilities to the last bit. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type DecoderSession, KV_CACHE_TYPES } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import type { Draft } from '../../src/engine/scheduler.ts'
import type { GenerateRequest, GenerationEvent } from '../../src/engine/types.ts'
import { Grammars } from '../../src/grammar/grammars.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { vocabularyOf } from '../../src/tokenizer/vocabulary.ts'
import { skipOf } from '../support/backends.ts'
import { EngineDriver, GREEDY, tokens } from '../support/engine-driver.ts'
import { STARTER_CHECKPOINT } from '../support/starter-checkpoint.ts'

/** The whole one, whose vocabulary is a real one. */
const STARTER = resolve(import.meta.dirname, '../../models/starter')
const SAMPLED = { ...GREEDY, temperature: 0.8, seed: 5 }
const promptOf = (seed: number) => [
  tokens(1, ...Array.from({ length: 30 }, (_, i) => 30 + ((seed * 37 + i * 53) % 190))),
]

const ASKS: Readonly<Record<string, Partial<GenerateRequest>>> = {
  greedy: { sampling: { ...GREEDY, topLogprobs: 3 } },
  sampled: { sampling: { ...SAMPLED, topLogprobs: 3 } },
  'with penalties': {
    sampling: { ...SAMPLED, repetitionPenalty: 1.2, frequencyPenalty: 0.3, topLogprobs: 3 },
  },
  'three times': { sampling: { ...SAMPLED, topLogprobs: 3 }, n: 3 },
}

for (const kvCacheType of KV_CACHE_TYPES) {
  describe(`guessing on native, ${kvCacheType} keys and values`, { skip: skipOf('native') }, () => {
    let session: DecoderSession
    before(async () => {
      session = await (await createBackend('native')).loadDecoder(STARTER_CHECKPOINT, {
        ...{ threads: 2, kvCacheBytes: 8 << 20, kvBlockSize: 16, kvCacheType },
      })
    })
    after(() => session.dispose())

    async function answers(asks: readonly Partial<GenerateRequest>[], draft?: Draft) {
      const engine = new EngineDriver(session, {
        ...{ maxDraftTokens: draft ? 8 : 0, stepTokenBudget: 48, ...(draft && { draft }) },
      })
      const ids = asks.map((ask) => engine.submit({ maxTokens: 40, ...ask }))
      await engine.finish()
      assert.equal(session.kv.blocksUsed, 0)
      const events = ids.map((id) => byChoice(engine.events.get(id)!))
      return { events, stats: engine.core.takeStats() }
    }

    for (const [what, ask] of Object.entries(ASKS)) {
      it(`${what}: the same bits as without`, async () => {
        const asks = [{ ...ask, prompt: promptOf(40) }]
        const plain = await answers(asks)
        const guessed = await answers(asks, halfRight(plain.events))
        assert.deepEqual(guessed.events, plain.events)
        const { draftedTokens, acceptedTokens, steps } = guessed.stats
        assert.ok(acceptedTokens > 0 && acceptedTokens < draftedTokens, `${acceptedTokens} right`)
        assert.ok(steps < plain.stats.steps)
      })
    }

    it('the same bits beside others that are guessed, too', async () => {
      const asks = [40, 41, 42, 43].map((seed) => ({ ...ASKS['sampled'], prompt: promptOf(seed) }))
      const alone = []
      for (const ask of asks) alone.push((await answers([ask])).events[0]!)
      const guessed = await answers(asks, halfRight(alone))
      assert.deepEqual(guessed.events, alone)
      assert.ok(guessed.stats.acceptedTokens > 0)
    })
  })
}

describe('guessing what a grammar prescribes, on native', { skip: skipOf('native') }, () => {
  const schema = {
    type: 'array',
    minItems: 3,
    items: {
      type: 'object',
      properties: { temperature: { enum: [1, 2] }, 'wind direction': { enum: ['n', 's'] } },
      required: ['temperature', 'wind direction'],
      additionalProperties: false,
    },
  }
  let session: DecoderSession
  let grammars: Grammars
  let stopTokenIds: ReadonlySet<number>
  before(async () => {
    const tokenizer = await Tokenizer.load(STARTER)
    const backend = await createBackend('native')
    session = await backend.loadDecoder(STARTER, {
      ...{ threads: 2, kvCacheBytes: 8 << 20, kvBlockSize: 16 },
    })
    grammars = new Grammars({
      vocabulary: await vocabularyOf(tokenizer, session.vocabSize),
      ...{ compileTimeoutMs: 60_000, cacheBytes: 2 ** 24 },
    })
    stopTokenIds = new Set([tokenizer.size - 1])
  })
  after(async () => {
    await grammars?.dispose()
    await session?.dispose()
  })

  it('the same bits in fewer steps', async () => {
    const grammar = await grammars.compile({ kind: 'json', schema })
    const ask = async (maxDraftTokens: number) => {
      const engine = new EngineDriver(session, { maxDraftTokens, stepTokenBudget: 48 })
      const sampling = { ...SAMPLED, topLogprobs: 3 }
      const id = engine.submit(
        { prompt: promptOf(40), maxTokens: 120, sampling, stopTokenIds },
        grammar,
      )
      await engine.finish()
      return { events: byChoice(engine.events.get(id)!), steps: engine.core.takeStats().steps }
    }
    const plain = await ask(0)
    const guessed = await ask(8)
    assert.deepEqual(guessed.events, plain.events)
    assert.ok(guessed.steps < 0.8 * plain.steps, `${guessed.steps} of ${plain.steps} steps`)
  })
})

/** Guesses of what is known to come, up to some token; requests are numbered from 1. */
function halfRight(known: readonly Answer[]): Draft {
  return ({ request, choice, output }, most) => {
    const tokens = known[request.id - 1]!.get(choice!)!
    const right = (output.length * 13 + choice!) % (most + 1)
    return Array.from({ length: most }, (_, i) => {
      const { id } = tokens[output.length + i]!
      return i < right ? id : (id + 1) % 256
    })
  }
}

type Token = Extract<GenerationEvent, { type: 'token' }>
type Answer = ReadonlyMap<number, readonly Token[]>

/** The tokens of each choice. */
function byChoice(events: readonly GenerationEvent[]): Answer {
  return Map.groupBy(
    events.filter((event) => event.type === 'token'),
    ({ choice }) => choice,
  )
}
