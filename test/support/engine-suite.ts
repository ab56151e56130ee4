/** What the engine promises on a backend that computes, with the small checkpoint that PyTorch recorded. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type EngineOptions, startEngine } from '../../src/engine/engine.ts'
import type { Engine, GenerateRequest, PromptPart } from '../../src/engine/types.ts'
import { GREEDY, request, tokens } from './engine-driver.ts'
import { fastest } from './fastest.ts'
import { assertClose } from './relative-error.ts'
import { readRecordedCase, STARTER_CHECKPOINT } from './starter-checkpoint.ts'
import { collect, idsOf, recordingLogger, until } from './toy-engine.ts'

export const NEVER = new AbortController().signal
const BOS = 1
const HIDDEN = 64
const SAMPLED = { ...GREEDY, temperature: 1, topP: 0.95, seed: 17 }
const recorded = await readRecordedCase()

/** The recorded picture's features, or a variation of them under another key. */
function picture(key = 'recorded', scale = 1): PromptPart {
  const placed = recorded.stages.get('placed')!
  const data = new Float32Array(new SharedArrayBuffer(placed.length * 4))
  data.set(placed.map((value) => value * scale))
  return { kind: 'features', features: { key, data, rows: data.length / HIDDEN } }
}

export const recordedPrompt = [tokens(BOS), picture(), tokens(...recorded.textIds)]

/** A prompt of its own: the picture, and a question made of `seed`. */
function question(seed: number, length = 8): PromptPart[] {
  const ids = Array.from({ length }, (_, i) => 10 + ((seed * 37 + i * 11) % 300))
  return [tokens(BOS), picture(), tokens(...ids)]
}

export function startSmall(options: Partial<EngineOptions> = {}): Promise<Engine> {
  return startEngine({
    modelDir: STARTER_CHECKPOINT,
    backend: 'onnx',
    threads: 1,
    kvCacheBytes: 4 << 20,
    kvBlockSize: 16,
    maxRunning: 8,
    maxWaiting: 64,
    stepTokenBudget: 64,
    prefixCacheBlocks: 0,
    logger: recordingLogger(),
    ...options,
  })
}

/** `same`: how far log probabilities of two ways to compute the same may be apart. */
export function testEngineOn(
  backend: 'onnx' | 'native',
  { same }: { readonly same: number },
): void {
  const start = (options: Partial<EngineOptions> = {}) => startSmall({ backend, ...options })

  describe(`the engine on ${backend}`, () => {
    let engine: Engine
    before(async () => {
      engine = await start()
    })
    after(() => engine.dispose())

    const answer = async (changes: Partial<GenerateRequest>, on = engine) =>
      collect(on.generate(request({ maxTokens: 16, ...changes }), NEVER))

    it('writes greedily what PyTorch wrote', async () => {
      const maxTokens = recorded.generatedIds.length
      const events = await answer({ prompt: recordedPrompt, maxTokens })
      assert.deepEqual(idsOf(events), recorded.generatedIds)
    })

    it('gives the same greedy text in a batch as alone', async () => {
      const prompts = Array.from({ length: 8 }, (_, i) => question(i, 3 + 5 * i))
      const alone = []
      for (const prompt of prompts) alone.push(idsOf(await answer({ prompt })))
      const together = await Promise.all(prompts.map((prompt) => answer({ prompt })))
      assert.deepEqual(
        together.map((events) => idsOf(events)),
        alone,
      )
    })

    it('gives the same seeded text alone and in a batch of eight', async () => {
      const ask = { prompt: question(3), sampling: SAMPLED, maxTokens: 40 }
      const alone = idsOf(await answer(ask))
      for (let round = 0; round < 3; round++) {
        const others = Array.from({ length: 7 }, (_, i) =>
          answer({
            prompt: question(10 * round + i, 4 + 3 * i),
            sampling: { ...SAMPLED, seed: i },
            maxTokens: 10 + 5 * i,
          }),
        )
        assert.deepEqual(idsOf(await answer(ask)), alone)
        await Promise.all(others)
      }
    })

    it('gives four answers to one prompt, each that of its own seed', async () => {
      const ask = { prompt: question(5), sampling: SAMPLED }
      const events = await answer({ ...ask, n: 4 })
      for (const choice of [0, 1, 2, 3]) {
        const sampling = { ...SAMPLED, seed: SAMPLED.seed + choice }
        assert.deepEqual(idsOf(events, choice), idsOf(await answer({ ...ask, sampling })))
      }
      assert.equal(new Set([0, 1, 2, 3].map((choice) => idsOf(events, choice).join())).size, 4)
    })

    it('reports log probabilities that are the log-softmax of the recorded logits', async () => {
      const vocab = engine.vocabSize
      const events = await answer({
        prompt: recordedPrompt,
        maxTokens: 1,
        sampling: { ...GREEDY, topLogprobs: 20 },
      })
      const logits = recorded.stages.get('logits')!.slice(-vocab)
      const max = Math.max(...logits)
      const logSum = max + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0))
      const token = events.find((event) => event.type === 'token')!
      assert.ok(token.type === 'token' && token.top?.length === 20)
      for (const { id, logprob } of token.top) {
        assert.ok(Math.abs(logprob - (logits[id]! - logSum)) < 1e-3, `token ${id}`)
      }
      assert.ok(token.top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0) <= 1)
    })

    it("says of a prompt's tokens what it said when it wrote them", async () => {
      const ids = Array.from({ length: 40 }, (_, i) => 10 + ((i * 11) % 300))
      const prompt = [tokens(BOS, ...ids)]
      const sampling = { ...SAMPLED, topLogprobs: 3 }
      const written = await answer({ prompt, sampling, maxTokens: 30 })
      const tokenEvents = written.filter((event) => event.type === 'token')
      const whole = [tokens(BOS, ...ids, ...idsOf(written))]
      const read = await answer({ prompt: whole, promptLogprobs: 3, maxTokens: 0 })
      const scored = read.flatMap((event) => (event.type === 'prompt-logprobs' ? event.tokens : []))
      assert.deepEqual(
        scored.map(({ id }) => id),
        [...ids, ...idsOf(written)],
      )
      for (const [i, { id, logprob, top }] of scored.slice(ids.length).entries()) {
        const then = tokenEvents[i]!
        assert.equal(id, then.id)
        assertClose([logprob], [then.logprob!], same, `token ${i}`)
        assert.equal(top.length, then.top!.length)
      }
    })

    it('frees slot and blocks within 250 ms of an abort, also while a prompt is read', async () => {
      const ms = await fastest(250, async () => {
        await until(() => engine.stats().running === 0)
        const leave = new AbortController()
        const asks = Array.from({ length: 8 }, (_, i) =>
          collect(engine.generate(request({ prompt: question(i), maxTokens: 900 }), leave.signal)),
        )
        await until(() => engine.stats().running > 0)
        const abortedAt = performance.now()
        leave.abort()
        const ends = await Promise.allSettled(asks)
        await until(() => engine.stats().running === 0 && engine.stats().kvBlocksUsed === 0)
        const tookMs = performance.now() - abortedAt
        const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.code] : []))
        assert.ok(errors.every((code) => code === 'cancelled'))
        // Where this thread stood still, some were whole before anyone could leave.
        return errors.length === asks.length ? tookMs : Number.POSITIVE_INFINITY
      })
      assert.ok(ms < 250, `${ms} ms`)
    })
  })

  describe(`preemption on ${backend}`, () => {
    it('gives the same text as no preemption', async () => {
      const roomy = await start()
      after(() => roomy.dispose())
      // A position takes 2 layers · 2 · 2 heads · 16 floats; 20 blocks hold two of the prompts and answers.
      const tight = await start({ kvCacheBytes: 20 * 16 * 128 * 4 })
      after(() => tight.dispose())
      assert.equal(tight.stats().kvBlocksTotal, 20)
      const asks = [1, 2, 3].map((seed) =>
        request({ prompt: question(seed, 20), maxTokens: 60, sampling: { ...SAMPLED, seed } }),
      )
      const run = (engine: Engine) =>
        Promise.all(asks.map((ask) => collect(engine.generate(ask, NEVER))))
      const expected = await run(roomy)
      const got = await run(tight)
      assert.ok(tight.stats().preemptions > 0)
      assert.deepEqual(
        got.map((events) => idsOf(events)),
        expected.map((events) => idsOf(events)),
      )
    })
  })

  describe(`prefix reuse on ${backend}`, () => {
    let engine: Engine
    before(async () => {
      engine = await start({ prefixCacheBlocks: 100 })
    })
    after(() => engine.dispose())

    async function ask(prompt: PromptPart[], cacheSalt = '') {
      const sampling = { ...GREEDY, topLogprobs: 5 }
      const events = await collect(
        engine.generate(request({ prompt, sampling, maxTokens: 12, cacheSalt }), NEVER),
      )
      const prefill = events[0]!
      assert.ok(prefill.type === 'prefill')
      return { events, cachedTokens: prefill.cachedTokens, promptTokens: prefill.promptTokens }
    }

    it('skips the picture that was asked about before and gives the same logits', async () => {
      const first = await ask(question(1))
      const second = await ask(question(1))
      assert.equal(first.cachedTokens, 0)
      assert.equal(second.promptTokens, 109)
      // Six full blocks: the picture but for its last rows.
      assert.equal(second.cachedTokens, 96)
      assert.deepEqual(idsOf(second.events), idsOf(first.events))
      second.events.forEach((event, i) => {
        const other = first.events[i]!
        if (event.type !== 'token' || other.type !== 'token') return
        event.top!.forEach(({ logprob }, rank) => {
          assert.ok(Math.abs(logprob - other.top![rank]!.logprob) <= same)
        })
      })
    })

    it('never takes a distinct picture or another tenant’s', async () => {
      const prompt = (part: PromptPart) => [tokens(BOS), part, tokens(20, 21, 22)]
      await ask(prompt(picture('cat', 1)), 'a')
      assert.equal((await ask(prompt(picture('dog', 0.5)), 'a')).cachedTokens, 0)
      assert.equal((await ask(prompt(picture('cat', 1)), 'b')).cachedTokens, 0)
      assert.equal((await ask(prompt(picture('cat', 1)), 'a')).cachedTokens, 96)
    })
  })

  describe(`chunks on ${backend}`, () => {
    it('do not change what is said, however a prompt is cut', async () => {
      const answers = []
      for (const stepTokenBudget of [16, 40, 64, 512]) {
        const engine = await start({ stepTokenBudget })
        const sampling = { ...SAMPLED, topLogprobs: 5 }
        const ask = request({ prompt: question(4, 30), sampling, maxTokens: 24 })
        const events = await collect(engine.generate(ask, NEVER))
        answers.push(
          events.flatMap((event) =>
            event.type === 'token' ? [event.top!.map(({ logprob }) => logprob)] : [],
          ),
        )
        await engine.dispose()
      }
      for (const [i, answer] of answers.entries())
        assertClose(answer.flat(), answers[0]!.flat(), same, `budget ${i}`)
    })
  })
}
