import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { FromEngine } from '../../src/engine/engine-messages.ts'
import type { Engine } from '../../src/engine/types.ts'
import { AerieError } from '../../src/errors.ts'
import { EngineDriver, GREEDY, request, tokenRun, tokens } from '../support/engine-driver.ts'
import { fastest } from '../support/fastest.ts'
import { ToyDecoder } from '../support/toy-decoder.ts'
import {
  collect,
  endingsOf,
  idsOf,
  recordingLogger,
  startToyEngine,
  TOY_WORKER,
  until,
} from '../support/toy-engine.ts'

const NEVER = new AbortController().signal
const LONG = { maxTokens: 200 }
/** Takes minutes with steps of a millisecond: whoever looks at it late still finds it running. */
const ENDLESS = { maxTokens: 100_000 }
const ROOM = { blockSize: 1024, blocksTotal: 512, maxContext: 200_000 }

/** Starts an engine that ends with the suite. */
async function engineFor(...args: Parameters<typeof startToyEngine>): Promise<Engine> {
  const engine = await startToyEngine(...args)
  after(() => engine.dispose())
  return engine
}

describe('the engine in its worker', () => {
  it('gives the events of the step loop, in order', async () => {
    const engine = await engineFor()
    const ask = request({ sampling: { ...GREEDY, temperature: 1, seed: 3, topLogprobs: 2 } })
    const events = await collect(engine.generate(ask, NEVER))
    const core = new EngineDriver(new ToyDecoder())
    const id = core.submit(ask)
    await core.finish()
    const withoutTimes = (event: object) => ({ ...event, timings: undefined })
    assert.deepEqual(events.map(withoutTimes), core.events.get(id)!.map(withoutTimes))
  })

  /** Tokens in each message of the worker, of an answer of 60: that they wait for each other is the worker's doing alone. */
  async function tokensTogether(stepMs: number): Promise<number[]> {
    const scheduling = {
      ...{ maxRunning: 4, stepTokenBudget: 16, prefixCacheBlocks: 0 },
      ...{ batchPatienceMs: 1000, maxDraftTokens: 0 },
    }
    const workerData = { modelDir: JSON.stringify({ stepMs }), scheduling }
    const worker = new Worker(TOY_WORKER, { workerData })
    const together: number[] = []
    let isOver = false
    worker.on('message', ({ events = [] }: Partial<FromEngine>) => {
      const tokens = events.filter(([, { type }]) => type === 'token').length
      if (tokens > 0) together.push(tokens)
      isOver ||= events.some(([, { type }]) => type === 'finish')
    })
    worker.postMessage({ type: 'generate', id: 1, request: request({ maxTokens: 60 }) })
    while (!isOver) await once(worker, 'message')
    await worker.terminate()
    assert.equal(
      together.reduce((sum, tokens) => sum + tokens),
      60,
    )
    return together
  }

  it('sends tokens together where they come faster than anyone sees', async () => {
    const together = await tokensTogether(0)
    assert.equal(together[0], 1, 'the first goes out at once')
    assert.ok(together.length < 30, String(together))
  })

  it('sends every token by itself where steps are slow', async () => {
    const together = await tokensTogether(20)
    assert.ok(together.length > 30, String(together))
  })

  it('serves many at once', async () => {
    const engine = await engineFor({}, { maxRunning: 8, maxWaiting: 100 })
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        collect(engine.generate(request({ prompt: [tokenRun(3, 1 + i)] }), NEVER)),
      ),
    )
    for (const [i, events] of answers.entries()) {
      const expected = await new EngineDriver(new ToyDecoder()).answer({
        prompt: [tokenRun(3, 1 + i)],
      })
      assert.deepEqual(idsOf(events), expected)
    }
  })

  it('knows the vocabulary, and the longest answer that model and cache allow', async () => {
    const engine = await engineFor({
      vocabSize: 70,
      blockSize: 4,
      blocksTotal: 10,
      maxContext: 256,
    })
    assert.equal(engine.vocabSize, 70)
    assert.equal(engine.maxContext, 40)
    assert.equal(engine.healthy, true)
  })

  it('stops one choice from outside', async () => {
    const engine = await engineFor({ ...ROOM, stepMs: 2 })
    const generation = engine.generate(request({ ...ENDLESS, n: 2 }), NEVER)
    const events = []
    let others = 0
    for await (const event of generation) {
      events.push(event)
      if (event.type === 'token' && idsOf(events, 1).length === 3) generation.stop(1)
      // The other goes on.
      if (endingsOf(events).length > 0 && event.type === 'token' && ++others === 20) break
    }
    assert.deepEqual(endingsOf(events), ['stop'])
    assert.ok(events.slice(-20).every((event) => 'choice' in event && event.choice === 0))
  })

  it('refuses what it cannot run, before it queues it', async () => {
    const engine = await engineFor({ blocksTotal: 10 })
    const refuse = (changes: Parameters<typeof request>[0], code: string) =>
      assert.throws(() => engine.generate(request(changes), NEVER), { code })
    refuse({ prompt: [tokenRun(30)], maxTokens: 12 }, 'context_length_exceeded')
    refuse({ prompt: [] }, 'invalid_request')
    refuse({ n: 0 }, 'invalid_request')
    refuse({ maxTokens: -1 }, 'invalid_request')
    refuse({ maxTokens: 4, minTokens: 5 }, 'invalid_request')
    refuse({ prompt: [tokens(64)] }, 'invalid_request')
    refuse({ sampling: { ...GREEDY, logitBias: new Map([[64, 1]]) } }, 'invalid_request')
    const features = { key: 'k', rows: 2, data: new Float32Array(3) }
    refuse({ prompt: [{ kind: 'features', features }] }, 'invalid_request')
    // 30 positions and 11 tokens, of which the last is never read, are just what fits.
    const whole = request({ prompt: [tokenRun(30)], maxTokens: 11 })
    assert.deepEqual(endingsOf(await collect(engine.generate(whole, NEVER))), ['length'])
  })
})

describe('leaving', () => {
  it('an abort ends the iteration and frees slot and blocks within 250 ms', async () => {
    const engine = await engineFor({ ...ROOM, stepMs: 5 })
    let aborts = 0
    const ms = await fastest(250, async () => {
      const leave = new AbortController()
      const generation = engine.generate(request(ENDLESS), leave.signal)
      await generation[Symbol.asyncIterator]().next()
      await until(() => engine.stats().running === 1)
      const reading = collect(generation)
      const abortedAt = performance.now()
      leave.abort()
      await assert.rejects(reading, { code: 'cancelled' })
      await until(() => engine.stats().running === 0 && engine.stats().kvBlocksUsed === 0)
      assert.equal(engine.stats().aborted, ++aborts)
      return performance.now() - abortedAt
    })
    assert.ok(ms < 250, `${ms} ms`)
  })

  it('a reader who leaves early aborts the request', async () => {
    const engine = await engineFor({ ...ROOM, stepMs: 5 })
    for await (const event of engine.generate(request(ENDLESS), NEVER)) {
      if (event.type === 'token') break
    }
    await until(() => engine.stats().aborted === 1)
    assert.equal(engine.stats().running, 0)
  })

  it('a reader who leaves while waiting for an event is let go at once', async () => {
    const engine = await engineFor({ stepMs: 300 })
    const iterator = engine.generate(request(LONG), NEVER)[Symbol.asyncIterator]()
    const waiting = iterator.next()
    // Messages of the worker come in other turns of the event loop than this one.
    const turn = nextTurn().then(() => 'too late')
    assert.notEqual(await Promise.race([iterator.return!(), turn]), 'too late')
    const left = await Promise.race([waiting, turn])
    assert.deepEqual(left, { done: true, value: undefined })
  })

  it('a signal that has fired already starts nothing', async () => {
    const engine = await engineFor()
    await assert.rejects(collect(engine.generate(request(), AbortSignal.abort())), {
      code: 'cancelled',
    })
    assert.equal(engine.stats().steps, 0)
  })

  it('an abort reaches the loop though its steps never yield', async () => {
    const engine = await engineFor(ROOM, { stepTokenBudget: 2048 })
    for await (const event of engine.generate(request({ maxTokens: 150_000 }), NEVER)) {
      if (event.type === 'token') break
    }
    // Else it ends some day, and is not counted as aborted.
    await until(() => engine.stats().running === 0)
    assert.equal(engine.stats().aborted, 1)
  })

  it('two hundred aborts at any moment leak nothing', async () => {
    const engine = await engineFor(
      { ...ROOM, stepMs: 1 },
      { maxWaiting: 300, prefixCacheBlocks: 8 },
    )
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const signal = AbortSignal.timeout(1 + ((i * 37) % 120))
        const ask = request({ ...ENDLESS, n: 1 + (i % 2), prompt: [tokenRun(1 + (i % 20))] })
        await assert.rejects(collect(engine.generate(ask, signal)), { code: 'cancelled' })
      }),
    )
    await until(() => engine.stats().running === 0 && engine.stats().waiting === 0)
    assert.equal(engine.stats().kvBlocksUsed, 0)
  })

  it('a deadline ends the answer with an error', async () => {
    const engine = await engineFor({ ...ROOM, stepMs: 5 })
    // On a machine that does other things its time may be up before the first step.
    for (let deadlineMs = 60, tokens = 0; tokens === 0; deadlineMs *= 2) {
      const events = await collect(engine.generate(request({ ...ENDLESS, deadlineMs }), NEVER))
      assert.deepEqual(endingsOf(events), ['deadline_exceeded'])
      tokens = idsOf(events).length
    }
  })
})

describe('a full queue', () => {
  it('refuses at once and says when to come back', async () => {
    const engine = await engineFor({ stepMs: 5 }, { maxRunning: 2, maxWaiting: 2 })
    const leave = new AbortController()
    const started = [1, 2, 3, 4].map(() =>
      collect(engine.generate(request(LONG), leave.signal)).catch((error: unknown) => error),
    )
    assert.throws(
      () => engine.generate(request(), NEVER),
      (error) =>
        error instanceof AerieError &&
        error.code === 'queue_full' &&
        Number.isInteger(error.retryAfterSeconds) &&
        error.retryAfterSeconds! >= 1,
    )
    leave.abort()
    await Promise.all(started)
    // Places come back with every end: ten times what fits at once, one after another.
    for (let i = 0; i < 10; i++) {
      const events = await collect(engine.generate(request({ n: 4, maxTokens: 1 }), NEVER))
      assert.equal(endingsOf(events).length, 4)
    }
  })
})

describe('shutting down', () => {
  it('drain lets what runs and waits finish and refuses the rest', async () => {
    const engine = await engineFor({ stepMs: 1 }, { maxRunning: 1 })
    const answers = [1, 2, 3].map(() => collect(engine.generate(request(), NEVER)))
    const drained = engine.drain()
    assert.throws(() => engine.generate(request(), NEVER), { code: 'shutting_down' })
    await drained
    for (const events of await Promise.all(answers)) assert.deepEqual(endingsOf(events), ['length'])
  })

  it('drain of an idle engine is immediate', async () => {
    await (await engineFor()).drain()
  })

  it('dispose ends what runs with shutting_down', async () => {
    const engine = await startToyEngine({ stepMs: 5 })
    const answer = collect(engine.generate(request(LONG), NEVER))
    await engine.dispose()
    assert.deepEqual(endingsOf(await answer), ['shutting_down'])
    assert.equal(engine.healthy, false)
    assert.throws(() => engine.generate(request(), NEVER), { code: 'shutting_down' })
  })
})

describe('a crash of the worker', () => {
  const EXIT = 60

  it('fails what runs and waits, is reported, and the engine comes back', async () => {
    const logger = recordingLogger()
    const crashes: Error[] = []
    const engine = await engineFor(
      { stepMs: 1, exitOn: EXIT },
      { maxRunning: 2, logger, onCrash: (error) => crashes.push(error) },
    )
    await collect(engine.generate(request(), NEVER))
    const before = engine.stats()
    const asks = [request(LONG), request({ prompt: [tokens(EXIT)] }), request(LONG)]
    const answers = asks.map((ask) => collect(engine.generate(ask, NEVER)))
    for (const events of await Promise.all(answers)) {
      assert.deepEqual(endingsOf(events), ['backend_failure'])
    }
    assert.equal(crashes.length, 1)
    assert.match(crashes[0]!.message, /engine worker ended: exit code 1/)
    assert.equal(engine.healthy, false)
    assert.throws(() => engine.generate(request(), NEVER), { code: 'not_ready' })
    await until(() => engine.healthy)
    assert.deepEqual(endingsOf(await collect(engine.generate(request(), NEVER))), ['length'])
    assert.ok(engine.stats().generatedTokens >= before.generatedTokens + 8)
    assert.deepEqual(logger.lines, [
      'error: the engine worker crashed',
      'info: the engine worker is back',
    ])
  })

  it('again and again: the engine gives up and says so', async () => {
    const engine = await engineFor({ exitOn: EXIT })
    for (let crash = 0; crash < 4; crash++) {
      await until(() => engine.healthy)
      const events = await collect(engine.generate(request({ prompt: [tokens(EXIT)] }), NEVER))
      assert.deepEqual(endingsOf(events), ['backend_failure'])
    }
    assert.throws(() => engine.generate(request(), NEVER), { code: 'backend_failure' })
  })

  it('does not wait for a restart when disposed meanwhile', async () => {
    const engine = await startToyEngine({ exitOn: EXIT })
    await collect(engine.generate(request({ prompt: [tokens(EXIT)] }), NEVER))
    await engine.dispose()
    assert.equal(engine.healthy, false)
  })
})

describe('a failing step', () => {
  it('is logged with its cause and leaves the engine healthy', async () => {
    const logger = recordingLogger()
    const engine = await engineFor({ failOn: 60 }, { logger })
    const events = await collect(engine.generate(request({ prompt: [tokens(60)] }), NEVER))
    assert.deepEqual(endingsOf(events), ['backend_failure'])
    assert.deepEqual(logger.lines, ['error: step failed'])
    assert.equal(engine.healthy, true)
    assert.deepEqual(endingsOf(await collect(engine.generate(request(), NEVER))), ['length'])
  })
})

describe('statistics', () => {
  it('are there at once, add up, and list every batch once', async () => {
    const engine = await engineFor({ blocksTotal: 32 })
    const idle = engine.stats()
    assert.equal(idle.kvBlocksTotal, 32)
    assert.equal(idle.maxWaiting, 8)
    await Promise.all([1, 2, 3].map(() => collect(engine.generate(request(), NEVER))))
    const stats = engine.stats()
    assert.equal(stats.running, 0)
    assert.equal(stats.generatedTokens, 24)
    assert.equal(stats.promptTokens, 9)
    assert.equal(stats.batchSizes.length, stats.steps)
    assert.equal(
      stats.batchSizes.reduce((sum, n) => sum + n),
      24,
    )
    assert.deepEqual(engine.stats().batchSizes, [])
  })
})
