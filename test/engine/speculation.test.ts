/** Tokens that are computed on trial change what a step computes, and nothing of what is said. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { GenerateRequest } from '../../src/engine/types.ts'
import { EngineDriver, GREEDY, tokenRun, tokens } from '../support/engine-driver.ts'
import { halfRightDrafts, rightDrafts, wrongDrafts } from '../support/half-right-drafts.ts'
import { RecurrentToyDecoder } from '../support/recurrent-toy-decoder.ts'
import { ToyDecoder } from '../support/toy-decoder.ts'

const SAMPLED = { ...GREEDY, temperature: 1, seed: 11 }
const DRAFTING = { maxDraftTokens: 6, draft: halfRightDrafts }
/** Everything that a request was told but how long it took and what was tried for it: first its prompt, then choice by choice. */
function told(engine: EngineDriver, id: number) {
  const events = engine.events.get(id)!.map((event) => {
    if (event.type !== 'finish') return event
    const { timings: _, drafted: _drafted, accepted: _accepted, ...rest } = event
    return rest
  })
  return Map.groupBy(events, (event) => ('choice' in event ? event.choice : -1))
}

async function answerOf(
  changes: Partial<GenerateRequest>,
  options: ConstructorParameters<typeof EngineDriver>[1] = {},
) {
  const toy = new ToyDecoder()
  const engine = new EngineDriver(toy, options)
  const id = engine.submit(changes)
  await engine.finish()
  toy.assertConsistent()
  return {
    events: told(engine, id),
    steps: toy.steps.length,
    stats: engine.core.takeStats(),
    engine,
    id,
  }
}

const ASKS: Readonly<Record<string, Partial<GenerateRequest>>> = {
  greedy: { maxTokens: 30 },
  sampled: { sampling: SAMPLED, maxTokens: 30 },
  'with top-k, top-p and min-p': {
    sampling: { ...SAMPLED, topK: 20, topP: 0.9, minP: 0.01 },
    maxTokens: 30,
  },
  'with penalties and a bias': {
    sampling: {
      ...SAMPLED,
      ...{ repetitionPenalty: 1.3, presencePenalty: 0.5, frequencyPenalty: 0.7 },
      logitBias: new Map([[7, 2]]),
    },
    maxTokens: 40,
  },
  'with log probabilities': { sampling: { ...SAMPLED, topLogprobs: 5 }, maxTokens: 20 },
  'that ends by itself': {
    sampling: SAMPLED,
    ...{ maxTokens: 60, stopTokenIds: new Set([3]) },
  },
  'that may not end at once': {
    sampling: SAMPLED,
    ...{ maxTokens: 60, minTokens: 20, stopTokenIds: new Set([3, 4, 5, 6, 7]) },
  },
  'of one token': { maxTokens: 1 },
  'of two tokens': { maxTokens: 2 },
  'three times': { sampling: SAMPLED, n: 3, maxTokens: 20, prompt: [tokenRun(9)] },
}

describe('an answer that was guessed ahead', () => {
  for (const [what, ask] of Object.entries(ASKS)) {
    for (const [whose, draft] of [
      ['half right', halfRightDrafts],
      ['wrong', wrongDrafts],
    ] as const) {
      it(`${what}, is the same with guesses that are ${whose}`, async () => {
        const expected = await answerOf(ask)
        const got = await answerOf(ask, { maxDraftTokens: 6, draft })
        assert.deepEqual(got.events, expected.events)
        const { draftedTokens, acceptedTokens } = got.stats
        assert.equal(draftedTokens > 0, ask.maxTokens! > 2, `${draftedTokens} drafted`)
        if (whose === 'wrong') assert.equal(acceptedTokens, 0)
        if (acceptedTokens > 0) assert.ok(got.steps < expected.steps, 'no step was saved')
        const isLong = (expected.events.get(0)?.length ?? 0) > 10
        if (whose === 'half right' && isLong) assert.ok(acceptedTokens > 0)
      })
    }
  }

  it('says how much of it was guessed, and how much of that was right', async () => {
    const { engine, id, stats } = await answerOf(
      { maxTokens: 30, n: 2, sampling: SAMPLED },
      DRAFTING,
    )
    const ends = engine.events.get(id)!.filter((event) => event.type === 'finish')
    const sum = (of: 'drafted' | 'accepted') => ends.reduce((total, end) => total + end[of], 0)
    assert.equal(sum('drafted'), stats.draftedTokens)
    assert.equal(sum('accepted'), stats.acceptedTokens)
    assert.ok(stats.acceptedTokens > 0 && stats.acceptedTokens < stats.draftedTokens)
  })

  it('counts what was right to its end, the token that ends it too', async () => {
    for (let stop = 1; stop < 12; stop++) {
      const ask = { sampling: SAMPLED, maxTokens: 60, stopTokenIds: new Set([stop]) }
      const { stats } = await answerOf(ask, { maxDraftTokens: 1, draft: rightDrafts })
      assert.ok(stats.draftedTokens > 0)
      assert.equal(stats.acceptedTokens, stats.draftedTokens, `up to ${stop}`)
    }
  })

  it('leaves to the prefix cache what was said, and nothing of what was guessed wrong', async () => {
    const toy = new ToyDecoder()
    const options = { prefixCacheBlocks: 20, maxDraftTokens: 6, draft: wrongDrafts }
    const engine = new EngineDriver(toy, options)
    const prompt = [tokens(1, 2, 3)]
    const said = await engine.answer({ prompt, maxTokens: 9 })
    const next = [tokens(1, 2, 3, ...said)]
    const id = engine.submit({ prompt: next, maxTokens: 5 })
    await engine.finish()
    // 11 positions were computed, of which two blocks of 4 are full.
    assert.equal(engine.cachedTokens(id), 8)
    assert.deepEqual(
      engine.ids(id),
      await new EngineDriver(new ToyDecoder()).answer({ prompt: next, maxTokens: 5 }),
    )
    toy.assertConsistent()
  })
})

describe('room for guesses', () => {
  it('is what the budget of a step leaves, shared in order', async () => {
    const toy = new ToyDecoder({ blocksTotal: 200 })
    const engine = new EngineDriver(toy, {
      ...{ stepTokenBudget: 8, maxDraftTokens: 6, draft: wrongDrafts },
    })
    for (const first of [1, 2, 3]) engine.submit({ prompt: [tokens(first)], maxTokens: 20 })
    await engine.step(2)
    // Three positions are known, and five are left: for the first, who takes them all.
    assert.deepEqual(toy.steps.at(-1), [6, 1, 1])
    engine.submit({ prompt: [tokenRun(30)], maxTokens: 2 })
    await engine.step()
    // A prompt needs them more.
    assert.deepEqual(toy.steps.at(-1), [1, 1, 1, 5])
  })

  it('is for 32 MiB of logits in a step, of all sequences together', async () => {
    const vocabSize = 2 ** 20
    const toy = new ToyDecoder({ vocabSize, blocksTotal: 200 })
    const engine = new EngineDriver(toy, {
      ...{ stepTokenBudget: 64, maxDraftTokens: 6 },
      draft: (_, most) => Array.from({ length: most }, () => vocabSize - 1),
    })
    for (const first of [1, 2, 3]) engine.submit({ prompt: [tokens(first)], maxTokens: 20 })
    await engine.step(2)
    // 4 MiB a position.
    assert.deepEqual(toy.steps.at(-1), [7, 3, 1])
  })

  it('takes no block that is kept or that another needs', async () => {
    const toy = new ToyDecoder({ blocksTotal: 6, maxContext: 24 })
    const engine = new EngineDriver(toy, {
      ...{ maxRunning: 2, maxDraftTokens: 6, draft: wrongDrafts, prefixCacheBlocks: 2 },
    })
    await engine.answer({ prompt: [tokenRun(8, 40)], maxTokens: 1 })
    assert.equal(engine.core.takeStats().kvBlocksCached, 2)
    engine.submit({ prompt: [tokens(1)], maxTokens: 8 })
    engine.submit({ prompt: [tokens(2)], maxTokens: 8 })
    await engine.finish()
    const { kvBlocksCached, prefixEvictions, preemptions } = engine.core.takeStats()
    assert.deepEqual([kvBlocksCached >= 2, preemptions], [true, 0])
    assert.ok(prefixEvictions <= 2)
    toy.assertConsistent()
  })

  it('is none for what is read, nor behind the last token of an answer', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy, {
      maxDraftTokens: 6,
      draft: halfRightDrafts,
      stepTokenBudget: 40,
    })
    await engine.answer({ prompt: [tokenRun(20)], maxTokens: 4 })
    // Nothing behind the prompt; then the first of four, and two guesses: the last of the answer is not read.
    assert.deepEqual(toy.steps.slice(0, 2), [[20], [3]])
    assert.ok(
      toy.steps
        .slice(2)
        .flat()
        .every((positions) => positions < 3),
    )
  })
})

describe('a recurrent decoder, whose state cannot be taken back', () => {
  it('is not guessed ahead', async () => {
    const toy = new RecurrentToyDecoder({
      ...{ blockSize: 4, blocksTotal: 64, maxContext: 256 },
      ...{ slots: 8, blocksBetweenStates: 2 },
    })
    const engine = new EngineDriver(toy, DRAFTING)
    await engine.answer({ maxTokens: 20 })
    assert.equal(engine.core.takeStats().draftedTokens, 0)
    assert.ok(toy.steps.slice(1).every(([positions]) => positions === 1))
  })
})

describe('a failure among guesses', () => {
  it('ends the request, and gives back what was tried', async () => {
    const toy = new ToyDecoder({ nanOn: 63 })
    const engine = new EngineDriver(toy, {
      maxDraftTokens: 4,
      draft: (_, most) => Array.from({ length: most }, () => 63),
    })
    const bad = engine.submit({
      maxTokens: 20,
      sampling: { ...GREEDY, logitBias: new Map([[63, 100]]) },
    })
    await engine.finish()
    assert.deepEqual(engine.endings(bad), ['backend_failure'])
    assert.equal(toy.kv.blocksUsed, 0)
    toy.assertConsistent()
  })
})
