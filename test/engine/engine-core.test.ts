import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EngineDriver, GREEDY, type request, tokenRun, tokens } from '../support/engine-driver.ts'
import { TOY_HIDDEN, ToyDecoder, type ToyDecoderOptions } from '../support/toy-decoder.ts'

const SAMPLED = { ...GREEDY, temperature: 1, seed: 11 }

/** What the toy answers when nothing else is there. */
function alone(changes: Parameters<typeof request>[0], toy: ToyDecoderOptions = {}) {
  return new EngineDriver(new ToyDecoder(toy)).answer(changes)
}

describe('continuous batching', () => {
  it('answers with as many tokens as were asked for', async () => {
    const engine = new EngineDriver(new ToyDecoder())
    const id = engine.submit({ maxTokens: 5 })
    await engine.finish()
    assert.equal(engine.ids(id).length, 5)
    assert.deepEqual(engine.endings(id), ['length'])
  })

  it('ends at a stop token, which is not part of the answer', async () => {
    const [first, second, third] = await alone({ sampling: SAMPLED })
    assert.ok(first !== third && second !== third)
    const engine = new EngineDriver(new ToyDecoder())
    const id = engine.submit({ sampling: SAMPLED, stopTokenIds: new Set([third!]) })
    await engine.finish()
    assert.deepEqual(engine.ids(id), [first, second])
    assert.deepEqual(engine.endings(id), ['stop'])
  })

  it('does not end by itself before it has minTokens tokens', async () => {
    for (const sampling of [GREEDY, SAMPLED]) {
      const [first, second] = await alone({ sampling })
      const stopTokenIds = new Set([first!, second!])
      const engine = new EngineDriver(new ToyDecoder())
      const free = engine.submit({ sampling, stopTokenIds })
      const held = engine.submit({ sampling, stopTokenIds, minTokens: 3 })
      await engine.finish()
      assert.deepEqual(engine.ids(free), [])
      assert.ok(engine.ids(held).length >= 3)
      assert.ok(engine.ids(held).every((id) => !stopTokenIds.has(id)))
    }
  })

  it('lets requests join and leave while others run', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy)
    const long = engine.submit({ maxTokens: 12, prompt: [tokens(5)] })
    await engine.step(3)
    const short = engine.submit({ maxTokens: 2, prompt: [tokens(6)] })
    await engine.step(2)
    assert.deepEqual(engine.endings(short), ['length'])
    assert.equal(engine.ids(long).length, 5)
    await engine.finish()
    assert.deepEqual(toy.steps.slice(0, 6), [[1], [1], [1], [1, 1], [1, 1], [1]])
    assert.deepEqual(engine.ids(long), await alone({ maxTokens: 12, prompt: [tokens(5)] }))
    assert.deepEqual(engine.ids(short), await alone({ maxTokens: 2, prompt: [tokens(6)] }))
  })

  it('runs at most maxRunning sequences, the rest in order of arrival', async () => {
    const engine = new EngineDriver(new ToyDecoder(), { maxRunning: 2 })
    const ids = [1, 2, 3, 4].map((first) => {
      engine.now++
      return engine.submit({ prompt: [tokens(first)], maxTokens: 3 })
    })
    await engine.step()
    assert.equal(engine.core.takeStats().running, 2)
    assert.equal(engine.core.takeStats().waiting, 2)
    await engine.step(2)
    assert.deepEqual(
      ids.map((id) => engine.endings(id).length),
      [1, 1, 0, 0],
    )
    await engine.step(3)
    assert.deepEqual(
      ids.map((id) => engine.endings(id).length),
      [1, 1, 1, 1],
    )
  })

  it('gives the same seeded text alone and in a batch of eight', async () => {
    const sampling = SAMPLED
    const expected = await alone({ sampling, prompt: [tokenRun(9)], maxTokens: 20 })
    const engine = new EngineDriver(new ToyDecoder(), { maxRunning: 8, stepTokenBudget: 12 })
    const others = Array.from({ length: 7 }, (_, i) =>
      engine.submit({ sampling: { ...sampling, seed: i }, prompt: [tokenRun(3 + i, 20)] }),
    )
    const id = engine.submit({ sampling, prompt: [tokenRun(9)], maxTokens: 20 })
    await engine.finish()
    assert.deepEqual(engine.ids(id), expected)
    assert.equal(new Set(others.map((other) => engine.ids(other).join())).size, 7)
  })

  it('reads features and tokens in their order', async () => {
    const features = (value: number) => ({
      kind: 'features' as const,
      features: { key: `f${value}`, rows: 6, data: new Float32Array(6 * TOY_HIDDEN).fill(value) },
    })
    const prompt = [tokens(1, 2), features(0.5), tokens(3)]
    const one = await alone({ prompt })
    // Cut into chunks of 4, which fall inside the features.
    const chunked = new EngineDriver(new ToyDecoder(), { stepTokenBudget: 4 })
    assert.deepEqual(await chunked.answer({ prompt }), one)
    assert.notDeepEqual(await alone({ prompt: [tokens(1, 2), features(0.25), tokens(3)] }), one)
    assert.notDeepEqual(await alone({ prompt: [features(0.5), tokens(1, 2, 3)] }), one)
  })
})

describe('chunked prefill', () => {
  it('never makes running streams wait for more than the budget of one step', async () => {
    const toy = new ToyDecoder({ blocksTotal: 64 })
    const engine = new EngineDriver(toy, { stepTokenBudget: 10 })
    const streams = [1, 2].map((first) => engine.submit({ prompt: [tokens(first)], maxTokens: 30 }))
    await engine.step(2)
    engine.submit({ prompt: [tokenRun(40)], maxTokens: 2 })
    await engine.step(5)
    assert.deepEqual(
      toy.steps.slice(2, 7),
      Array.from({ length: 5 }, () => [1, 1, 8]),
    )
    for (const id of streams) assert.equal(engine.ids(id).length, 7)
  })

  it('shares what the budget leaves among prompts in order of arrival', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy, { stepTokenBudget: 10 })
    engine.submit({ prompt: [tokenRun(14)], maxTokens: 1 })
    engine.submit({ prompt: [tokenRun(7, 30)], maxTokens: 1 })
    await engine.finish()
    assert.deepEqual(toy.steps, [[10], [4, 6], [1]])
  })

  it('goes on by a block even where decoding alone uses up the budget', async () => {
    const engine = new EngineDriver(new ToyDecoder({ blockSize: 4 }), { stepTokenBudget: 2 })
    for (const first of [1, 2, 3]) engine.submit({ prompt: [tokens(first)], maxTokens: 20 })
    await engine.step()
    const id = engine.submit({ prompt: [tokenRun(12)], maxTokens: 1 })
    await engine.step(3)
    assert.deepEqual(engine.endings(id), ['length'])
  })

  it('gives the same text whatever the chunk', async () => {
    const prompt = [tokenRun(40)]
    const expected = await alone({ prompt })
    for (const stepTokenBudget of [4, 5, 7, 40, 100]) {
      const engine = new EngineDriver(new ToyDecoder(), { stepTokenBudget })
      assert.deepEqual(await engine.answer({ prompt }), expected)
    }
  })
})

describe('several answers to one prompt', () => {
  const sampling = SAMPLED

  it('read the prompt once and give choice i the text of seed + i', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy)
    const id = engine.submit({ n: 4, sampling, prompt: [tokenRun(10)] })
    await engine.finish()
    assert.equal(
      toy.steps.flat().reduce((sum, n) => sum + n),
      10 + 4 * 7,
    )
    for (const choice of [0, 1, 2, 3]) {
      const seed = sampling.seed + choice
      const expected = await alone({ sampling: { ...sampling, seed }, prompt: [tokenRun(10)] })
      assert.deepEqual(engine.ids(id, choice), expected)
    }
    assert.equal(new Set([0, 1, 2, 3].map((choice) => engine.ids(id, choice).join())).size, 4)
    assert.deepEqual(engine.endings(id), ['length', 'length', 'length', 'length'])
    assert.equal(engine.events.get(id)!.filter((event) => event.type === 'prefill').length, 1)
  })

  it('run one after another where there are fewer slots', async () => {
    const engine = new EngineDriver(new ToyDecoder(), { maxRunning: 2 })
    const id = engine.submit({ n: 5, sampling, prompt: [tokenRun(10)] })
    await engine.finish()
    for (const choice of [0, 1, 2, 3, 4]) {
      const seed = sampling.seed + choice
      const expected = await alone({ sampling: { ...sampling, seed }, prompt: [tokenRun(10)] })
      assert.deepEqual(engine.ids(id, choice), expected)
    }
  })

  it('can be stopped one by one, before and after the prompt is read', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy, { stepTokenBudget: 8 })
    const id = engine.submit({ n: 3, sampling, prompt: [tokenRun(12)] })
    await engine.step()
    engine.core.send({ type: 'stop', id, choice: 0 })
    await engine.step(2)
    engine.core.send({ type: 'stop', id, choice: 2 })
    await engine.finish()
    const lengths = [0, 1, 2].map((choice) => engine.ids(id, choice).length)
    assert.deepEqual(lengths, [0, 8, 2])
    assert.deepEqual(engine.endings(id), ['stop', 'stop', 'length'])
  })
})

describe('leaving early', () => {
  it('abort frees the slot and every block before the next step', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy, { maxRunning: 1 })
    const running = engine.submit({ n: 2, prompt: [tokenRun(10)], maxTokens: 50 })
    await engine.step(3)
    const waiting = engine.submit({ prompt: [tokens(9)], maxTokens: 1 })
    await engine.step()
    engine.core.send({ type: 'abort', id: running })
    await engine.step()
    assert.deepEqual(engine.endings(waiting), ['length'])
    assert.equal(toy.kv.blocksUsed, 0)
    assert.equal(engine.core.takeStats().aborted, 1)
    assert.equal(engine.core.hasWork, false)
    assert.deepEqual(engine.endings(running), [])
  })

  it('abort reaches requests that wait', async () => {
    const engine = new EngineDriver(new ToyDecoder(), { maxRunning: 1 })
    engine.submit({ maxTokens: 20 })
    const waiting = engine.submit()
    await engine.step()
    engine.core.send({ type: 'abort', id: waiting })
    await engine.finish()
    assert.deepEqual(engine.events.get(waiting), [])
  })

  it('a deadline ends what runs and what waits', async () => {
    const toy = new ToyDecoder()
    const engine = new EngineDriver(toy, { maxRunning: 1 })
    const running = engine.submit({ maxTokens: 100, deadlineMs: 5 })
    const waiting = engine.submit({ deadlineMs: 3 })
    const patient = engine.submit({ maxTokens: 2 })
    await engine.finish()
    assert.deepEqual(engine.endings(running), ['deadline_exceeded'])
    assert.equal(engine.ids(running).length, 5)
    assert.deepEqual(engine.endings(waiting), ['deadline_exceeded'])
    assert.deepEqual(engine.endings(patient), ['length'])
    assert.equal(toy.kv.blocksUsed, 0)
  })
})

describe('preemption', () => {
  // Five blocks of four positions; each answer grows to 3 + 9 − 1 = 11 positions, three blocks.
  const small = { blockSize: 4, blocksTotal: 5 }
  const asks = [1, 2, 3].map((first) => ({
    prompt: [tokenRun(3, first)],
    maxTokens: 9,
    sampling: { ...SAMPLED, seed: first },
  }))

  it('gives the same text as no preemption', async () => {
    const toy = new ToyDecoder(small)
    const engine = new EngineDriver(toy)
    const ids = asks.map((ask) => engine.submit(ask))
    await engine.finish()
    const { preemptions } = engine.core.takeStats()
    assert.ok(preemptions > 0)
    const told = [...engine.events.values()].flat().filter(({ type }) => type === 'preempted')
    assert.equal(told.length, preemptions)
    for (const [i, id] of ids.entries()) {
      assert.deepEqual(engine.ids(id), await alone(asks[i]!))
    }
    assert.equal(toy.kv.blocksUsed, 0)
  })

  it('never takes from the oldest', async () => {
    const engine = new EngineDriver(new ToyDecoder(small))
    const first = engine.submit(asks[0])
    engine.now++
    for (const ask of asks.slice(1)) engine.submit(ask)
    await engine.step(9)
    assert.deepEqual(engine.endings(first), ['length'])
  })

  it('works between the choices of one request', async () => {
    const ask = { ...asks[0]!, n: 3 }
    const engine = new EngineDriver(new ToyDecoder({ blockSize: 4, blocksTotal: 4 }))
    const id = engine.submit(ask)
    await engine.finish()
    const roomy = new EngineDriver(new ToyDecoder())
    const expected = roomy.submit(ask)
    await roomy.finish()
    for (const choice of [0, 1, 2]) {
      assert.deepEqual(engine.ids(id, choice), roomy.ids(expected, choice))
    }
  })
})

describe('live and batch', () => {
  const batch = { priority: 'batch' as const, maxTokens: 40 }

  it('live requests pass batch ones that wait', async () => {
    const engine = new EngineDriver(new ToyDecoder(), { maxRunning: 1 })
    engine.submit({ maxTokens: 3 })
    const patient = engine.submit({ ...batch, prompt: [tokens(7)], maxTokens: 1 })
    await engine.step()
    const live = engine.submit({ prompt: [tokens(8)], maxTokens: 3 })
    await engine.step(5)
    assert.deepEqual(engine.endings(live), ['length'])
    assert.deepEqual(engine.endings(patient), [])
    await engine.finish()
    assert.deepEqual(engine.endings(patient), ['length'])
  })

  it('a live request takes the slot of a running batch one, whose text does not change', async () => {
    const ask = { ...batch, sampling: SAMPLED, prompt: [tokenRun(5)] }
    const engine = new EngineDriver(new ToyDecoder(), { maxRunning: 1 })
    const displaced = engine.submit(ask)
    await engine.step(4)
    const live = engine.submit({ prompt: [tokens(8)], maxTokens: 3 })
    await engine.step(3)
    assert.deepEqual(engine.endings(live), ['length'])
    await engine.finish()
    assert.deepEqual(engine.ids(displaced), await alone(ask))
  })

  it('a batch request is not passed for longer than its patience', async () => {
    const engine = new EngineDriver(new ToyDecoder(), { maxRunning: 1, batchPatienceMs: 20 })
    const patient = engine.submit({ ...batch, maxTokens: 5 })
    // One live request of four steps every three: alone they would fill the engine for ever.
    for (let i = 0; engine.endings(patient).length === 0; i++) {
      assert.ok(i < 40, 'the batch request starves')
      engine.submit({ prompt: [tokens(1 + i)], maxTokens: 4 })
      await engine.step(3)
    }
  })
})

describe('a failing backend', () => {
  it('ends the requests of the step, and only them', async () => {
    const toy = new ToyDecoder({ failOn: 50 })
    const engine = new EngineDriver(toy, { maxRunning: 2 })
    const innocent = engine.submit({ prompt: [tokens(1)] })
    const bad = engine.submit({ prompt: [tokens(50)] })
    const later = engine.submit({ prompt: [tokens(2)] })
    await engine.finish()
    assert.deepEqual(engine.endings(innocent), ['backend_failure'])
    assert.deepEqual(engine.endings(bad), ['backend_failure'])
    assert.deepEqual(engine.endings(later), ['length'])
    assert.equal(engine.failures.length, 1)
    assert.match(engine.failures[0]!.message, /told to fail/)
    assert.equal(toy.kv.blocksUsed, 0)
  })

  it('that returns NaN ends the request that got it, every choice at once', async () => {
    const toy = new ToyDecoder({ nanOn: 50 })
    const engine = new EngineDriver(toy)
    const innocent = engine.submit({ prompt: [tokens(1)] })
    const bad = engine.submit({ prompt: [tokens(50)], n: 3 })
    await engine.finish()
    assert.deepEqual(engine.endings(innocent), ['length'])
    assert.deepEqual(engine.endings(bad), ['backend_failure'])
    assert.equal(toy.kv.blocksUsed, 0)
  })
})

describe('a request that fails', () => {
  it('says nothing more, though others of its choices are in the same step', async () => {
    const ask = { n: 3, sampling: SAMPLED, prompt: [tokenRun(5)] }
    const [first] = await alone(ask)
    const toy = new ToyDecoder({ nanOn: first! })
    const engine = new EngineDriver(toy)
    const id = engine.submit(ask)
    await engine.finish()
    assert.deepEqual(engine.endings(id), ['backend_failure'])
    assert.equal(engine.events.get(id)!.at(-1)!.type, 'error')
    assert.equal(toy.kv.blocksUsed, 0)
  })
})

describe('statistics', () => {
  it('count tokens, steps and batch sizes', async () => {
    const engine = new EngineDriver(new ToyDecoder())
    engine.submit({ prompt: [tokenRun(5)], maxTokens: 3 })
    engine.submit({ prompt: [tokenRun(6, 9)], maxTokens: 2 })
    await engine.finish()
    const stats = engine.core.takeStats()
    assert.equal(stats.promptTokens, 11)
    assert.equal(stats.generatedTokens, 5)
    assert.equal(stats.steps, 3)
    assert.deepEqual(stats.batchSizes, [2, 2, 1])
    assert.deepEqual(engine.core.takeStats().batchSizes, [])
  })

  it('time the queue, the prompt and the answer', async () => {
    const engine = new EngineDriver(new ToyDecoder(), { maxRunning: 1, stepTokenBudget: 4 })
    engine.submit({ maxTokens: 6 })
    const id = engine.submit({ prompt: [tokenRun(12, 5)], maxTokens: 4 })
    await engine.finish()
    const finish = engine.events.get(id)!.at(-1)!
    assert.equal(finish.type, 'finish')
    // The driver's clock ticks once a step, after it.
    if (finish.type === 'finish') {
      assert.deepEqual(finish.timings, { queueMs: 6, prefillMs: 2, decodeMs: 3 })
    }
    const prefill = engine.events.get(id)!.find(({ type }) => type === 'prefill')!
    if (prefill.type === 'prefill') {
      const { submittedAt, admittedAt, promptReadAt } = prefill.timings
      assert.deepEqual([admittedAt - submittedAt, promptReadAt - admittedAt], [6, 2])
    }
  })
})
