/** How probable a prompt's own tokens are: told whole and once, whatever was scheduled, cached or took the slot. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { tokenLogprobs } from '../../src/engine/logprobs.ts'
import type { RankedLogprob } from '../../src/engine/types.ts'
import { EngineDriver, GREEDY, request, tokenRun, tokens } from '../support/engine-driver.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { RecurrentToyDecoder } from '../support/recurrent-toy-decoder.ts'
import { afterToken, TOY_START, ToyDecoder, toyLogits } from '../support/toy-decoder.ts'
import { startToyEngine } from '../support/toy-engine.ts'

const SCORED = { promptLogprobs: 2, maxTokens: 0 }

/** What the toy thinks of each token from the second on. */
function expected(ids: readonly number[], top: number, vocabSize = 64): RankedLogprob[] {
  let state = TOY_START
  return ids.slice(1).map((id, i) => {
    state = afterToken(state, ids[i]!)
    return { id, ...tokenLogprobs(toyLogits(state, vocabSize), id, top) }
  })
}

/** As they were told, and how many events it took. */
function told(engine: EngineDriver, id: number): { tokens: RankedLogprob[]; events: number } {
  const events = engine.events.get(id)!.filter((event) => event.type === 'prompt-logprobs')
  return { tokens: events.flatMap((event) => event.tokens), events: events.length }
}

const run = (length: number, first = 1) => Array.from({ length }, (_, i) => first + i)

describe('log probabilities of a prompt', () => {
  it("are the model's own of each token behind those before it; the first has none", async () => {
    const engine = new EngineDriver(new ToyDecoder())
    const id = engine.submit({ ...SCORED, prompt: [tokens(9, 4), tokens(7, 7, 2)] })
    await engine.finish()
    assert.deepEqual(told(engine, id).tokens, expected([9, 4, 7, 7, 2], 2))
    assert.equal(told(engine, id).tokens[0]!.top.length, 2)
  })

  it('come before the prompt is said to be read, and before its answer, which is the same', async () => {
    const engine = new EngineDriver(new ToyDecoder())
    const asked = { prompt: [tokenRun(40)], maxTokens: 5, n: 2 }
    const id = engine.submit({ ...asked, promptLogprobs: 0 })
    const plain = engine.submit(asked)
    await engine.finish()
    const types = engine.events.get(id)!.map(({ type }) => type)
    assert.equal(types.lastIndexOf('prompt-logprobs') + 1, types.indexOf('prefill'))
    assert.ok(types.indexOf('prefill') < types.indexOf('token'))
    for (const choice of [0, 1]) assert.deepEqual(engine.ids(id, choice), engine.ids(plain, choice))
    assert.deepEqual(told(engine, id).tokens, expected(run(40), 0))
    assert.ok(told(engine, id).events > 1, 'told as it is read')
  })

  it('of a prompt of one token are none', async () => {
    const engine = new EngineDriver(new ToyDecoder())
    const id = engine.submit({ ...SCORED, prompt: [tokens(3)] })
    await engine.finish()
    assert.deepEqual(told(engine, id), { tokens: [], events: 0 })
    assert.deepEqual(engine.endings(id), ['length'])
  })

  it('are all computed though the prefix cache has the prompt, which is reused from then on', async () => {
    const engine = new EngineDriver(new ToyDecoder(), { prefixCacheBlocks: 32 })
    const prompt = [tokenRun(20)]
    await engine.answer({ prompt })
    const scored = engine.submit({ ...SCORED, prompt })
    await engine.finish()
    assert.equal(engine.cachedTokens(scored), 0)
    assert.deepEqual(told(engine, scored).tokens, expected(run(20), 2))
    const other = engine.submit({ prompt: [tokenRun(20, 30)], promptLogprobs: 0, maxTokens: 0 })
    await engine.finish()
    const again = engine.submit({ prompt: [tokenRun(20, 30)] })
    await engine.finish()
    assert.equal(engine.cachedTokens(other), 0)
    assert.equal(engine.cachedTokens(again), 19)
  })

  it('are told once, also where a live request takes the slot in between', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy, { maxRunning: 1, stepTokenBudget: 4 })
    const id = engine.submit({ ...SCORED, prompt: [tokenRun(30)], priority: 'batch' })
    await engine.step(3)
    assert.ok(told(engine, id).tokens.length > 0)
    const live = engine.submit({ prompt: [tokens(5)], maxTokens: 2 })
    await engine.finish()
    assert.equal(engine.core.takeStats().preemptions, 1)
    assert.deepEqual(engine.endings(live), ['length'])
    assert.deepEqual(told(engine, id).tokens, expected(run(30), 2))
    assert.equal(toy.kv.blocksUsed, 0)
  })

  it('of a decoder with recurrent states are the same', async () => {
    const options = { blockSize: 4, blocksTotal: 64, slots: 24, blocksBetweenStates: 2 }
    const toy = new RecurrentToyDecoder({ ...options, maxContext: 256 })
    const engine = new EngineDriver(toy, { prefixCacheBlocks: 32 })
    const prompt = [tokenRun(37)]
    const plain = engine.submit({ prompt })
    await engine.finish()
    const id = engine.submit({ ...SCORED, prompt, maxTokens: 8 })
    await engine.finish()
    assert.deepEqual(told(engine, id).tokens, expected(run(37), 2))
    assert.deepEqual(engine.ids(id), engine.ids(plain))
  })

  it('take few positions a step where the vocabulary is large, all scored prompts together', async () => {
    const toy = new ToyDecoder({ vocabSize: 2 ** 20 })
    const engine = new EngineDriver(toy, { stepTokenBudget: 64 })
    const ids = [1, 2].map((first) => engine.submit({ ...SCORED, prompt: [tokenRun(10, first)] }))
    await engine.finish()
    assert.deepEqual(toy.steps, [[8], [2, 6], [4]])
    for (const [i, id] of ids.entries())
      assert.deepEqual(told(engine, id).tokens, expected(run(10, i + 1), 2, 2 ** 20))
  })

  it('that are no numbers end the request', async () => {
    const engine = new EngineDriver(new ToyDecoder({ nanOn: 5 }))
    const id = engine.submit({ ...SCORED, prompt: [tokens(3, 5, 6)] })
    await engine.finish()
    assert.deepEqual(engine.endings(id), ['backend_failure'])
  })

  it('are those of any other way to schedule', async (t) => {
    const prompts = fc.array(fc.array(fc.nat(63), { minLength: 1, maxLength: 24 }), {
      minLength: 1,
      maxLength: 4,
    })
    const budgets = fc.record({
      stepTokenBudget: fc.integer({ min: 1, max: 20 }),
      maxRunning: fc.integer({ min: 1, max: 4 }),
      prefixCacheBlocks: fc.constantFrom(0, 8),
      blocksTotal: fc.integer({ min: 9, max: 24 }),
      maxTokens: fc.nat(6),
    })
    await fc.assert(
      fc.asyncProperty(prompts, budgets, async (all, { blocksTotal, maxTokens, ...options }) => {
        const toy = new ToyDecoder({ blocksTotal })
        const engine = new EngineDriver(toy, options)
        const ids = all.map((prompt, i) =>
          engine.submit({
            ...{ prompt: [tokens(...prompt)], promptLogprobs: 1, maxTokens },
            priority: i % 2 === 0 ? 'batch' : 'live',
          }),
        )
        await engine.finish()
        for (const [i, id] of ids.entries()) {
          assert.deepEqual(told(engine, id).tokens, expected(all[i]!, 1))
          assert.equal(engine.ids(id).length, maxTokens)
        }
        toy.assertConsistent()
      }),
      propertyRuns(60, t),
    )
  })
})

describe('an answer of no tokens', () => {
  it('reads the prompt and ends each choice for its length', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy)
    const id = engine.submit({ maxTokens: 0, n: 2, prompt: [tokenRun(20)] })
    await engine.finish()
    assert.deepEqual(toy.steps, [[16], [4]])
    assert.deepEqual(
      engine.events.get(id)!.map(({ type }) => type),
      ['prefill', 'finish', 'finish'],
    )
    assert.deepEqual(engine.endings(id), ['length', 'length'])
    assert.equal(toy.kv.blocksUsed, 0)
  })

  it('takes no position behind the prompt', async () => {
    await using disposer = new AsyncDisposableStack()
    const engine = await startToyEngine({ maxContext: 20 })
    disposer.defer(() => engine.dispose())
    const ask = (length: number, maxTokens: number) =>
      engine.generate(
        request({ prompt: [tokenRun(length)], maxTokens, sampling: GREEDY }),
        new AbortController().signal,
      )
    for await (const _ of ask(20, 0));
    assert.throws(() => ask(21, 0), { code: 'context_length_exceeded' })
    assert.throws(() => ask(5, -1), { code: 'invalid_request' })
  })
})

describe('what is refused', () => {
  it('log probabilities of features', async () => {
    await using disposer = new AsyncDisposableStack()
    const engine = await startToyEngine()
    disposer.defer(() => engine.dispose())
    const data = new Float32Array(4)
    const picture = { kind: 'features' as const, features: { key: 'a', data, rows: 1 } }
    assert.throws(
      () =>
        engine.generate(
          request({ prompt: [picture], promptLogprobs: 0 }),
          new AbortController().signal,
        ),
      { code: 'invalid_request', message: /features have none/ },
    )
  })
})
