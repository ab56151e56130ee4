/** Random machines, and random lives of an engine on them: who asks what, leaves, is stopped, and when. */
import fc from 'fast-check'
import { GREEDY, request, tokenRun } from './engine-driver.ts'
import { TOY_HIDDEN } from './toy-decoder.ts'

export const BLOCK_SIZE = 4
/** Of the longest request below: it fits into the smallest cache. */
export const MAX_POSITIONS = 48
export const NO_DEADLINE = 1e9

export const asks = fc
  .record({
    prompt: fc.integer({ min: 1, max: 24 }),
    // Few beginnings, so that prefixes are shared often.
    first: fc.constantFrom(1, 1, 1, 20),
    picture: fc.constantFrom(undefined, 'a', 'b'),
    maxTokens: fc.integer({ min: 1, max: 16 }),
    n: fc.constantFrom(1, 1, 1, 2, 5),
    seed: fc.integer({ min: 0, max: 3 }),
    priority: fc.constantFrom('live' as const, 'batch' as const),
    deadlineMs: fc.constantFrom(NO_DEADLINE, NO_DEADLINE, 25),
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

export type Ask = ReturnType<typeof request>

export type Action =
  | { readonly do: 'submit'; readonly ask: Ask }
  | { readonly do: 'step' }
  | { readonly do: 'abort'; readonly which: number }
  | { readonly do: 'stop'; readonly which: number; readonly choice: number }

export const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('submit' as const), ask: asks }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('step' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(1000) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('stop' as const),
        which: fc.nat(1000),
        choice: fc.nat(4),
      }),
    },
  ),
  // Long ones too, in which caches and queues fill up; a failure shrinks all the same.
  { minLength: 1, maxLength: 48, size: 'medium' },
)

export const machines: fc.Arbitrary<Machine> = fc.record({
  blocksTotal: fc.integer({ min: MAX_POSITIONS / BLOCK_SIZE, max: 40 }),
  maxRunning: fc.integer({ min: 1, max: 6 }),
  stepTokenBudget: fc.integer({ min: 1, max: 20 }),
  prefixCacheBlocks: fc.constantFrom(0, 4, 40),
  batchPatienceMs: fc.constantFrom(0, 10, 1000),
  maxDraftTokens: fc.constantFrom(0, 1, 4, 9),
})

export interface Machine {
  readonly blocksTotal: number
  readonly maxRunning: number
  readonly stepTokenBudget: number
  readonly prefixCacheBlocks: number
  readonly batchPatienceMs: number
  readonly maxDraftTokens: number
}
