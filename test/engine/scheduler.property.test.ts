import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { EngineDriver, GREEDY, request, tokenRun } from '../support/engine-driver.ts'
import { TOY_HIDDEN, ToyDecoder } from '../support/toy-decoder.ts'

const BLOCK_SIZE = 4
const MAX_POSITIONS = 48

/** A request whose prompt and answer fit into the smallest cache below. */
const asks = fc
  .record({
    prompt: fc.integer({ min: 1, max: 24 }),
    // Few beginnings, so that prefixes are shared often.
    first: fc.constantFrom(1, 1, 1, 20),
    picture: fc.constantFrom(undefined, 'a', 'b'),
    maxTokens: fc.integer({ min: 1, max: 16 }),
    n: fc.constantFrom(1, 1, 1, 2, 5),
    seed: fc.integer({ min: 0, max: 3 }),
    priority: fc.constantFrom('live' as const, 'batch' as const),
    deadlineMs: fc.constantFrom(1e9, 1e9, 25),
    cacheSalt: fc.constantFrom('x', 'x', 'y'),
  })
  .map(({ prompt, first, picture, seed, ...rest }) => {
    const features = new Float32Array(6 * TOY_HIDDEN).fill(picture === 'a' ? 0.5 : 0.75)
    return request({
      ...rest,
      prompt: [
        ...(picture
          ? [{ kind: 'features' as const, features: { key: picture, rows: 6, data: features } }]
          : []),
        tokenRun(prompt, first),
      ],
      sampling: { ...GREEDY, temperature: 1, seed },
      // One token in 16 ends an answer.
      stopTokenIds: new Set([5, 6, 7, 8]),
    })
  })

const actions = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('submit' as const), ask: asks }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('step' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(30) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('stop' as const),
        which: fc.nat(30),
        choice: fc.nat(4),
      }),
    },
  ),
  { minLength: 1, maxLength: 60 },
)

const machines = fc.record({
  blocksTotal: fc.integer({ min: MAX_POSITIONS / BLOCK_SIZE, max: 40 }),
  maxRunning: fc.integer({ min: 1, max: 6 }),
  stepTokenBudget: fc.integer({ min: 1, max: 20 }),
  prefixCacheBlocks: fc.constantFrom(0, 4, 40),
  batchPatienceMs: fc.constantFrom(0, 10, 1000),
})

describe('any schedule of submissions, aborts, stops and deadlines', () => {
  it('leaks no block, ends every request exactly once and never changes a text', async () => {
    await fc.assert(
      fc.asyncProperty(machines, actions, async ({ blocksTotal, ...options }, script) => {
        const toy = new ToyDecoder({
          blockSize: BLOCK_SIZE,
          blocksTotal,
          maxContext: MAX_POSITIONS,
        })
        const engine = new EngineDriver(toy, options)
        const submitted: { id: number; ask: ReturnType<typeof request> }[] = []
        const aborted = new Set<number>()
        const stopped = new Set<string>()

        async function step() {
          await engine.step()
          toy.assertConsistent()
          const { running, kvBlocksUsed, kvBlocksCached } = engine.core.takeStats()
          assert.ok(running <= options.maxRunning, 'more run than may')
          assert.ok(
            kvBlocksCached <= options.prefixCacheBlocks,
            'the prefix cache exceeds its bound',
          )
          // A block that a fork shares in part is counted for both until one of them writes to it.
          assert.ok(kvBlocksUsed + kvBlocksCached >= toy.kv.blocksUsed, 'blocks without an owner')
          const positions = toy.steps.at(-1) ?? []
          const prefill = positions.filter((n) => n > 1).reduce((sum, n) => sum + n, 0)
          assert.ok(prefill <= Math.max(options.stepTokenBudget, BLOCK_SIZE), 'over the budget')
        }

        for (const action of script) {
          const target = 'which' in action ? submitted[action.which] : undefined
          if (action.do === 'submit') {
            submitted.push({ id: engine.submit(action.ask), ask: action.ask })
          } else if (action.do === 'step') {
            await step()
          } else if (target && action.do === 'abort') {
            engine.core.send({ type: 'abort', id: target.id })
            aborted.add(target.id)
          } else if (target && action.do === 'stop') {
            engine.core.send({ type: 'stop', id: target.id, choice: action.choice })
            stopped.add(`${target.id}.${action.choice}`)
          }
        }
        // Every step computes something, so what is left bounds the steps: nobody starves.
        for (let steps = 0; engine.core.hasWork; steps++) {
          assert.ok(steps < 4000, 'the engine does not come to an end')
          await step()
        }

        engine.core.clearPrefixCache()
        assert.equal(toy.kv.blocksUsed, 0, 'blocks leaked')
        for (const { id, ask } of submitted) {
          const endings = engine.endings(id)
          if (endings.includes('deadline_exceeded')) {
            assert.equal(endings.filter((ending) => ending === 'deadline_exceeded').length, 1)
            assert.notEqual(ask.deadlineMs, 1e9)
          } else if (!aborted.has(id)) {
            assert.equal(endings.length, ask.n, `request ${id} ended as ${endings}`)
          }
          for (let choice = 0; choice < ask.n; choice++) {
            const expected = await undisturbed(ask, choice)
            const got = engine.ids(id, choice)
            const whole =
              !aborted.has(id) && !stopped.has(`${id}.${choice}`) && endings.length === ask.n
            if (whole && !endings.includes('deadline_exceeded')) assert.deepEqual(got, expected)
            else assert.deepEqual(got, expected.slice(0, got.length))
          }
        }
      }),
      { numRuns: 1000 },
    )
  })
})

/** The text of one choice on an engine of its own, each computed once. */
const texts = new Map<string, Promise<number[]>>()
function undisturbed(ask: ReturnType<typeof request>, choice: number): Promise<number[]> {
  const seed = ask.sampling.seed! + choice
  const key = JSON.stringify([
    ask.prompt.map((part) => (part.kind === 'tokens' ? [...part.ids] : part.features.key)),
    ask.maxTokens,
    seed,
  ])
  let text = texts.get(key)
  if (!text) {
    const engine = new EngineDriver(new ToyDecoder())
    const sampling = { ...ask.sampling, seed }
    text = engine.answer({ ...ask, n: 1, sampling, deadlineMs: 1e9 })
    texts.set(key, text)
  }
  return text
}
