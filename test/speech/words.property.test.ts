/** Times of tokens and words: the published code's own answers, and what holds of any. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { addMedians, standardize, tokenTimes, warp } from '../../src/speech/alignment.ts'
import { LANGUAGES } from '../../src/speech/languages.ts'
import { splitWords, timedWords } from '../../src/speech/words.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { EXPECTED, TINY_WHISPER } from '../support/speech-fixture.ts'

/** Costs of rows that are all as long: few values, so that ways often cost the same, or many. */
const costs = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 12 }), fc.boolean())
  .chain(([rows, columns, isCoarse]) => {
    const value = isCoarse
      ? fc.integer({ min: -3, max: 3 })
      : fc.double({ min: -3, max: 3, noNaN: true })
    const count = rows * columns
    return fc
      .array(value, { minLength: count, maxLength: count })
      .map((values) => ({ cost: Float32Array.from(values), rows, columns }))
  })

/** `_dynamic_time_warping` of transformers, line by line: whole tables and the path backwards. First columns, and its cost. */
function published(matrix: Float32Array, rows: number, columns: number) {
  const cost = Array.from({ length: rows + 1 }, () => new Float32Array(columns + 1).fill(Infinity))
  const trace = Array.from({ length: rows + 1 }, () => new Float32Array(columns + 1).fill(-1))
  cost[0]![0] = 0
  for (let j = 1; j <= columns; j++)
    for (let i = 1; i <= rows; i++) {
      const [c0, c1, c2] = [cost[i - 1]![j - 1]!, cost[i - 1]![j]!, cost[i]![j - 1]!]
      const [c, t] = c0 < c1 && c0 < c2 ? [c0, 0] : c1 < c0 && c1 < c2 ? [c1, 1] : [c2, 2]
      cost[i]![j] = matrix[(i - 1) * columns + j - 1]! + c
      trace[i]![j] = t
    }
  const path: [number, number][] = []
  for (let [i, j] = [rows, columns]; i > 0 || j > 0; ) {
    path.unshift([i - 1, j - 1])
    const t = i === 0 ? 2 : j === 0 ? 1 : trace[i]![j]!
    if (t === 0 || t === 1) i -= 1
    if (t === 0 || t === 2) j -= 1
  }
  const jumps = path.filter(([row], i) => i === 0 || row !== path[i - 1]![0])
  return { firsts: jumps.map(([, column]) => column), cost: cost[rows]![columns]! }
}

/** The least that any path costs, of all that there are. */
function least(cost: Float32Array, columns: number, at = cost.length - 1): number {
  if (at === 0) return cost[0]!
  const before = []
  if (at >= columns) before.push(at - columns)
  if (at % columns > 0) before.push(at - 1)
  if (at >= columns && at % columns > 0) before.push(at - columns - 1)
  return cost[at]! + Math.min(...before.map((one) => least(cost, columns, one)))
}

describe('dynamic time warping', () => {
  it('finds the path of the published code, ties included, which never goes back', (t) => {
    fc.assert(
      fc.property(costs, ({ cost, rows, columns }) => {
        const firsts = [...warp(cost, columns)]
        assert.deepEqual(firsts, published(cost, rows, columns).firsts)
        assert.deepEqual(
          firsts,
          firsts.toSorted((a, b) => a - b),
        )
        assert.ok(firsts[0] === 0 && firsts.at(-1)! < columns)
      }),
      propertyRuns(500, t),
    )
  })

  it('finds the cheapest of all paths, where no two cost the same', () => {
    let state = 7
    const uniform = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    }
    for (const [rows, columns] of [
      [1, 6],
      [6, 1],
      [3, 6],
      [5, 5],
      [6, 4],
    ] as const) {
      const cost = Float32Array.from({ length: rows * columns }, uniform)
      const found = published(cost, rows, columns)
      assert.ok(Math.abs(found.cost - least(cost, columns)) < 1e-5)
      assert.deepEqual([...warp(cost, columns)], found.firsts)
    }
  })
})

describe('the median filter', () => {
  it('is the middle of the values around each, mirrored at the ends', (t) => {
    const row = fc.array(fc.float({ min: -5, max: 5, noNaN: true }), {
      minLength: 1,
      maxLength: 40,
    })
    fc.assert(
      fc.property(row, fc.constantFrom(1, 3, 7, 9), (values, width) => {
        const half = (width - 1) / 2
        const source = Float32Array.from(values)
        const mirrored = (i: number) => Math.abs(i) % (2 * source.length - 2 || 1)
        const at = (i: number) => {
          const place = mirrored(i)
          return source[place < source.length ? place : 2 * source.length - 2 - place]!
        }
        const expected = source.map((value, i) => {
          if (source.length <= half) return value
          const around = Array.from({ length: width }, (_, k) => at(i + k - half))
          return around.sort((a, b) => a - b)[half]!
        })
        const sum = new Float32Array(source.length + 2)
        addMedians(sum, source, 1, width)
        assert.deepEqual([...sum].map(Math.abs), [0, ...expected, 0].map(Math.abs))
      }),
      propertyRuns(500, t),
    )
  })
})

describe('weights of a frame', () => {
  it('have mean 0 and deviation 1 over tokens; of a single token they say nothing', () => {
    const values = Float32Array.of(1, 5, 3, 9, 5, 1)
    standardize(values, 2)
    for (const column of [0, 1]) {
      const own = [values[column]!, values[column + 2]!, values[column + 4]!]
      assert.ok(Math.abs(own.reduce((a, b) => a + b)) < 1e-6)
      assert.ok(Math.abs(own.reduce((a, b) => a + b * b, 0) / 3 - 1) < 1e-6)
    }
    const single = Float32Array.of(0.2, 0.3, 0.5)
    standardize(single, 3)
    assert.deepEqual([...single], [0, 0, 0])
  })
})

describe('times of tokens', () => {
  it('do not fall, are within the sound, and are as many as tokens, whatever the heads look at', async (t) => {
    const shape = fc.record({
      count: fc.integer({ min: 0, max: 9 }),
      isCut: fc.boolean(),
      frames: fc.integer({ min: 1, max: 60 }),
      heads: fc.integer({ min: 1, max: 3 }),
      seed: fc.integer(),
    })
    await fc.assert(
      fc.asyncProperty(shape, async ({ count, isCut, frames, heads, seed }) => {
        const positions = 20
        // Of an answer that was cut short, the last token was not read.
        const read = isCut ? Math.max(0, count - 1) : count
        let state = seed >>> 0
        const weightsOf = async () =>
          Float32Array.from({ length: read * positions }, () => {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0
            return state / 2 ** 32
          })
        const alignment = {
          heads: Array.from({ length: heads }, (_, head) => ({ layer: 0, head })),
          ...{ headDim: 1, filterWidth: 7 },
        }
        const times = await tokenTimes(alignment, weightsOf, { count, read, positions, frames })
        assert.equal(times.length, count)
        for (const [i, time] of times.entries())
          assert.ok(time >= (times[i - 1] ?? 0) && time <= Math.min(frames, 2 * positions) / 100)
      }),
      propertyRuns(200, t, 0.2),
    )
  })
})

/** Of a processor, whatever else it has to do. */
const milliseconds = ({ user }: NodeJS.CpuUsage) => `${Math.round(user / 1000)} ms`

describe('the longest answer that there may be', () => {
  it('has its times, and how long that takes a processor is printed', async (t) => {
    // Rows of DTW, and the columns of a whole window.
    const [count, positions] = [448, 1500]
    let state = 3
    const weights = Float32Array.from({ length: count * positions }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    })
    // Heads of large-v3.
    const heads = Array.from({ length: 10 }, (_, head) => ({ layer: 0, head }))
    const start = process.cpuUsage()
    const times = await tokenTimes(
      { heads, headDim: 64, filterWidth: 7 },
      async () => weights.slice(),
      { count, read: count, positions, frames: 3000 },
    )
    t.diagnostic(`10 heads, median of 7: ${milliseconds(process.cpuUsage(start))}`)
    const before = process.cpuUsage()
    warp(weights, positions)
    t.diagnostic(
      `of these the time warping, ${count} by ${positions}: ${milliseconds(process.cpuUsage(before))}`,
    )
    assert.ok(times.at(-1)! > 0 && times.every((time, i) => i === 0 || time >= times[i - 1]!))
  })
})

describe('words', () => {
  let tokenizer: Tokenizer
  before(async () => {
    tokenizer = await Tokenizer.load(TINY_WHISPER)
  })
  const decode = (tokens: readonly number[]) => tokenizer.decode(tokens)
  const codeOf = (name: string) => Object.keys(LANGUAGES).find((code) => LANGUAGES[code] === name)

  it('are those of the published code, in languages with spaces and without', () => {
    assert.ok(EXPECTED.words.length >= 8)
    for (const { language, tokens, words, counts } of EXPECTED.words) {
      const found = splitWords(tokens, codeOf(language), decode)
      assert.deepEqual(
        found.map(({ text }) => text),
        words,
      )
      assert.deepEqual(
        found.map(({ count }) => count),
        counts,
      )
    }
  })

  it('are all tokens, in order, whatever bytes these are; where they are text, all of it', (t) => {
    const code = fc.constantFrom(undefined, 'en', 'de', 'zh', 'yue')
    const any = fc.array(fc.nat(298), { maxLength: 24 })
    const text = fc
      .string({ unit: fc.constantFrom(...' .,-("\'“”é红🚗\ufffdab'), maxLength: 12 })
      .map((value) => [...tokenizer.encode(value)])
    fc.assert(
      fc.property(fc.oneof(any, text), code, (tokens, language) => {
        const words = splitWords(tokens, language, decode)
        assert.ok(words.every(({ count }) => count > 0))
        assert.equal(
          words.reduce((sum, { count }) => sum + count, 0),
          tokens.length,
        )
        // What is no character is decoded in pieces, and may be more of it than in one.
        if (!decode(tokens).includes('\ufffd'))
          assert.equal(words.map((word) => word.text).join(''), decode(tokens))
      }),
      propertyRuns(500, t, 0.2),
    )
  })

  it('begin where the token before them ends, within what they may be, and are never blank', () => {
    const tokens = [1000, ...tokenizer.encode(' the red car.'), ...tokenizer.encode(' '), 1001]
    const ends = tokens.map((_, i) => i / 10)
    const options = { language: 'en', isText: (id: number) => id < 299, decode }
    const words = timedWords(tokens, { ends, start: 0 }, { ...options, offset: 30, latest: 30.5 })
    assert.deepEqual(
      words.map(({ text }) => text),
      ['the', 'red', 'car.'],
    )
    assert.equal(words[0]!.start, 30)
    for (const [i, { start, end }] of words.entries()) {
      assert.ok(start <= end && end <= 30.5)
      if (i > 0) assert.equal(start, words[i - 1]!.end)
    }
  })
})
