/** How sequences of a decoder with recurrent states are scheduled: by slots, in pieces that others can start behind. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EngineDriver, GREEDY, tokenRun, tokens } from '../support/engine-driver.ts'
import { RecurrentToyDecoder, type RecurrentToyOptions } from '../support/recurrent-toy-decoder.ts'
import { ToyDecoder } from '../support/toy-decoder.ts'
import { collect, endingsOf, idsOf, startToyEngine, until } from '../support/toy-engine.ts'

const SAMPLED = { ...GREEDY, temperature: 1, seed: 11 }
const CACHING = { prefixCacheBlocks: 32 }
const TOY: RecurrentToyOptions = {
  ...{ blockSize: 4, blocksTotal: 64, maxContext: 256 },
  // A state is kept every eight positions.
  ...{ slots: 24, blocksBetweenStates: 2 },
}

type Ask = Parameters<EngineDriver['submit']>[0]

function recurrent(changes: Partial<RecurrentToyOptions> = {}, options = {}) {
  const toy = new RecurrentToyDecoder({ ...TOY, ...changes })
  return { toy, engine: new EngineDriver(toy, { ...CACHING, ...options }) }
}

/** What the toy says that has no states and computes the same. */
function alone(ask: Ask) {
  return new EngineDriver(new ToyDecoder()).answer(ask)
}

describe('a recurrent decoder: admission', () => {
  it('runs as many sequences as have two slots each, and the others after them', async () => {
    const { toy, engine } = recurrent({ slots: 5 })
    const asks = [1, 2, 3].map((first) => ({ prompt: [tokenRun(9, first)], maxTokens: 6 }))
    const ids = asks.map((ask) => engine.submit(ask))
    await engine.step(2)
    const { running, waiting } = engine.core.takeStats()
    assert.deepEqual([running, waiting], [2, 1])
    await engine.finish()
    assert.equal(Math.max(...toy.steps.map((rows) => rows.length)), 2)
    for (const [i, id] of ids.entries()) assert.deepEqual(engine.ids(id), await alone(asks[i]))
    assert.equal(engine.core.takeStats().preemptions, 0)
  })

  it('lets answers wait that are forked from one prompt and have no slots', async () => {
    const ask = { n: 5, sampling: SAMPLED, prompt: [tokenRun(18)] }
    const { toy, engine } = recurrent({ slots: 6 })
    const id = engine.submit(ask)
    await engine.finish()
    assert.equal(Math.max(...toy.steps.map((rows) => rows.length)), 3)
    for (const choice of [0, 1, 2, 3, 4]) {
      const sampling = { ...SAMPLED, seed: SAMPLED.seed + choice }
      assert.deepEqual(engine.ids(id, choice), await alone({ ...ask, n: 1, sampling }))
    }
  })

  it('counts slots of running sequences, of kept prefixes and all', async () => {
    const { engine } = recurrent()
    const slots = () => {
      const { stateSlotsUsed, stateSlotsCached, stateSlotsTotal } = engine.core.takeStats()
      return [stateSlotsUsed, stateSlotsCached, stateSlotsTotal]
    }
    engine.submit({ n: 2, prompt: [tokenRun(18)], sampling: SAMPLED, maxTokens: 4 })
    await engine.step(3)
    // After 8 and 16 positions, and where both answers stand.
    assert.deepEqual(slots(), [3, 0, 24])
    await engine.step()
    assert.deepEqual(slots(), [4, 0, 24])
    await engine.finish()
    assert.deepEqual(slots(), [0, 2, 24])
    engine.core.clearPrefixCache()
    assert.deepEqual(slots(), [0, 0, 24])
  })
})

describe('a recurrent decoder: pieces of a prompt', () => {
  const read = async (ask: Ask, options: object, changes = {}) => {
    const { toy, engine } = recurrent(changes, options)
    await engine.answer({ maxTokens: 1, ...ask })
    return toy.steps.flat()
  }

  it('end where states are kept', async () => {
    assert.deepEqual(await read({ prompt: [tokenRun(30)] }, { stepTokenBudget: 20 }), [8, 8, 8, 6])
    assert.deepEqual(await read({ prompt: [tokenRun(7)] }, { stepTokenBudget: 20 }), [7])
  })

  it('are about equally long where the budget does not reach so far', async () => {
    const budget = { stepTokenBudget: 5 }
    const steps = await read({ prompt: [tokenRun(26)] }, budget, { blocksBetweenStates: 3 })
    assert.deepEqual(steps, [4, 4, 4, 4, 4, 4, 2])
  })

  it('are as they are of other decoders where nothing is shared', async () => {
    const options = { stepTokenBudget: 20, prefixCacheBlocks: 0 }
    assert.deepEqual(await read({ prompt: [tokenRun(30)] }, options), [20, 10])
  })

  it('go beyond what decoding leaves of the budget rather than end just before', async () => {
    const { toy, engine } = recurrent({}, { stepTokenBudget: 8 })
    engine.submit({ prompt: [tokens(9)], maxTokens: 30 })
    await engine.step(2)
    engine.submit({ prompt: [tokenRun(20)], maxTokens: 2 })
    await engine.step(3)
    assert.deepEqual(toy.steps.slice(2), [
      [1, 8],
      [1, 8],
      [1, 4],
    ])
  })

  it('leave what is left of the budget to other prompts', async () => {
    const { toy, engine } = recurrent({}, { stepTokenBudget: 12 })
    engine.submit({ prompt: [tokenRun(16)], maxTokens: 1 })
    engine.submit({ prompt: [tokenRun(6, 30)], maxTokens: 1 })
    await engine.finish()
    assert.deepEqual(toy.steps, [
      [8, 4],
      [8, 2],
    ])
  })
})

describe('a recurrent decoder: shared prefixes', () => {
  it('are taken over as far as there is a state, with the same text', async () => {
    for (const [length, cached] of [
      [30, 24],
      [25, 24],
      // The last position is computed anyway, so the state behind it is of no use.
      [24, 16],
      [7, 0],
    ] as const) {
      const { engine } = recurrent()
      const ask = { prompt: [tokenRun(length)], sampling: SAMPLED }
      const first = engine.submit(ask)
      await engine.finish()
      const again = engine.submit(ask)
      await engine.finish()
      assert.deepEqual([engine.cachedTokens(first), engine.cachedTokens(again)], [0, cached])
      assert.deepEqual(engine.ids(again), await alone(ask))
      assert.deepEqual(engine.ids(first), engine.ids(again))
    }
  })

  it('begin another prompt at the last state before it differs', async () => {
    const { engine } = recurrent()
    await engine.answer({ prompt: [tokenRun(40)] })
    const ask = { prompt: [tokenRun(22), tokens(60, 61, 62)], sampling: SAMPLED }
    const id = engine.submit(ask)
    await engine.finish()
    assert.equal(engine.cachedTokens(id), 16)
    assert.deepEqual(engine.ids(id), await alone(ask))
  })

  it('go on into the next turn with the states that decoding left', async () => {
    const { engine } = recurrent()
    const prompt = [tokenRun(10)]
    const answer = await engine.answer({ prompt, sampling: SAMPLED, maxTokens: 20 })
    const ask = { prompt: [...prompt, tokens(...answer, 50, 51)], sampling: SAMPLED }
    const id = engine.submit(ask)
    await engine.finish()
    assert.equal(engine.cachedTokens(id), 24)
    assert.deepEqual(engine.ids(id), await alone(ask))
  })

  it('are waited for where another is computing them, and no longer than that', async () => {
    const { toy, engine } = recurrent()
    const asks = [60, 61].map((last) => ({ prompt: [tokenRun(18), tokens(last)], maxTokens: 4 }))
    const ids = asks.map((ask) => engine.submit(ask))
    await engine.finish()
    assert.deepEqual(toy.steps.slice(0, 3), [[8], [8], [3, 3]])
    assert.deepEqual(
      ids.map((id) => engine.cachedTokens(id)),
      [0, 16],
    )
    for (const [i, id] of ids.entries()) assert.deepEqual(engine.ids(id), await alone(asks[i]))
  })

  it('are not waited for where prompts differ before the next state', async () => {
    const { toy, engine } = recurrent()
    for (const first of [30, 40]) engine.submit({ prompt: [tokenRun(6), tokenRun(10, first)] })
    await engine.finish()
    assert.deepEqual(toy.steps.slice(0, 2), [
      [8, 8],
      [8, 8],
    ])
  })

  it('are given up, least recently used first, when states are short and not before', async () => {
    const { toy, engine } = recurrent({ slots: 8 })
    const prompts = [1, 20, 40].map((first) => [tokenRun(17, first)])
    const cached = async (which: number) => {
      const id = engine.submit({ prompt: prompts[which]!, maxTokens: 1 })
      await engine.finish()
      return engine.cachedTokens(id)
    }
    assert.deepEqual([await cached(0), await cached(1), await cached(0)], [0, 0, 16])
    // Both have two states, and so has the third; one that runs takes two more.
    assert.equal(toy.states!.slotsUsed, 4)
    assert.equal(await cached(2), 0)
    assert.equal(engine.core.takeStats().prefixEvictions, 0)
    engine.submit({ prompt: [tokenRun(9, 50)], maxTokens: 3 })
    await engine.finish()
    assert.equal(engine.core.takeStats().prefixEvictions, 1)
    assert.deepEqual([await cached(0), await cached(1)], [16, 0])
  })

  for (const lengths of [
    [5, 60],
    [60, 5],
  ])
    it(`are kept of both, ${lengths.join(' then ')} positions, where the longer has no state at the end of the shorter`, async () => {
      const { engine } = recurrent({ slots: 64, blocksBetweenStates: 1 })
      // Of fifteen states a sequence keeps eight and its last, and the first goes first.
      for (const length of lengths)
        await engine.answer({ prompt: [tokenRun(length)], maxTokens: 1 })
      const id = engine.submit({ prompt: [tokenRun(5), tokens(61)], maxTokens: 1 })
      await engine.finish()
      assert.equal(engine.cachedTokens(id), 4)
    })
})

describe('a recurrent decoder: preemption', () => {
  it('computes again what had to give way, with the same text', async () => {
    const asks = [1, 2, 3].map((first) => ({
      ...{ prompt: [tokenRun(11, first)], maxTokens: 20, n: 2 },
      sampling: { ...SAMPLED, seed: first },
    }))
    const { toy, engine } = recurrent({ blocksTotal: 14, slots: 12 }, { maxRunning: 6 })
    const ids = asks.map((ask) => engine.submit(ask))
    await engine.finish()
    assert.ok(engine.core.takeStats().preemptions > 0)
    for (const [i, id] of ids.entries()) {
      const { sampling, ...ask } = asks[i]!
      for (const choice of [0, 1]) {
        const seed = sampling.seed + choice
        const expected = await alone({ ...ask, n: 1, sampling: { ...sampling, seed } })
        assert.deepEqual(engine.ids(id, choice), expected)
      }
    }
    engine.core.clearPrefixCache()
    assert.deepEqual([toy.kv.blocksUsed, toy.states!.slotsUsed], [0, 0])
  })
})

describe('a recurrent decoder: leaving early', () => {
  it('an abort frees every slot before the next step, but for those of what is kept', async () => {
    const { toy, engine } = recurrent({}, { prefixCacheBlocks: 0 })
    const id = engine.submit({ n: 3, prompt: [tokenRun(20)], sampling: SAMPLED, maxTokens: 50 })
    await engine.step(6)
    assert.ok(toy.states!.slotsUsed >= 3)
    engine.core.send({ type: 'abort', id })
    await engine.step()
    assert.equal(toy.states!.slotsUsed, 0)
  })

  it('a failed step keeps nothing of its requests, and takes nothing from others', async () => {
    const { toy, engine } = recurrent({ failOn: 50 })
    const kept = { prompt: [tokenRun(20)], maxTokens: 2 }
    await engine.answer(kept)
    const bad = engine.submit({ prompt: [tokenRun(20), tokens(50)] })
    await engine.finish()
    assert.deepEqual(engine.endings(bad), ['backend_failure'])
    assert.equal(toy.states!.slotsUsed, 2)
    const again = engine.submit(kept)
    await engine.finish()
    assert.equal(engine.cachedTokens(again), 16)
    toy.assertConsistent()
    engine.core.clearPrefixCache()
    assert.equal(toy.states!.slotsUsed, 0)
  })

  it('a crash of the worker leaves no slot in use, and the next request has them all', async () => {
    const engine = await startToyEngine({ ...TOY, exitOn: 50 }, { ...CACHING, maxRunning: 20 })
    assert.equal(engine.stats().maxRunning, 12)
    const never = new AbortController().signal
    const answer = (prompt: Parameters<typeof tokens>) =>
      collect(engine.generate({ ...ASK, prompt: [tokens(...prompt)] }, never))
    const ids = [...Array(20).keys()].map((i) => i + 1)
    const before = await answer(ids)
    await until(() => engine.stats().stateSlotsCached > 0)
    assert.equal(engine.stats().stateSlotsTotal, 24)
    assert.deepEqual(endingsOf(await answer([...ids, 50])), ['backend_failure'])
    assert.deepEqual([engine.stats().stateSlotsUsed, engine.stats().stateSlotsCached], [0, 0])
    await until(() => engine.healthy)
    assert.equal(engine.stats().stateSlotsTotal, 24)
    assert.deepEqual(idsOf(await answer(ids)), idsOf(before))
    await engine.dispose()
  })
})

const ASK = {
  ...{ sampling: GREEDY, n: 1, maxTokens: 4, minTokens: 0 },
  ...{ stopTokenIds: new Set<number>(), deadlineMs: 1e9, priority: 'live' as const },
}
