/** Whatever a model writes: segments that hold every token before the place where the next window begins, and an end. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { SpeechModel } from '../../models/family.ts'
import type { SpeechRules } from '../../models/whisper/rules.ts'
import { segmentsOf } from '../../src/speech/segments.ts'
import { applyRules, choose, logprobOf } from '../../src/speech/token-choice.ts'
import { transcribe } from '../../src/speech/transcribe.ts'
import { propertyRuns } from '../support/property-runs.ts'

const FIRST = 20
const STEPS = 1500
const RULES: SpeechRules = {
  ...{ startOfTranscript: 11, endOfText: 10, noTimestamps: 19, startOfPrevious: 16, noSpeech: 18 },
  ...{ firstTimestamp: FIRST, multilingual: undefined, suppressed: [3], suppressedFirst: [4, 10] },
  ...{ maxInitialTimestamp: 50, maxLength: 40, maxPositions: 40 },
}
const MODEL: SpeechModel = {
  ...{ melBins: 1, windowFrames: 3000, hiddenSize: 1, layers: 1, rules: RULES },
  alignment: undefined,
}
const token = fc.oneof(fc.nat(9), fc.integer({ min: FIRST, max: FIRST + STEPS }))
const answer = fc.array(token, { minLength: 1, maxLength: 12 })

/** As the rules have it: timestamps do not go back. */
const rising = answer.map((tokens) => {
  const times = tokens.filter((id) => id >= FIRST).sort((a, b) => a - b)
  return tokens.map((id) => (id >= FIRST ? times.shift()! : id))
})

describe('segments', () => {
  it('are pieces of what was written, in order, from its beginning', (t) => {
    fc.assert(
      fc.property(answer, fc.nat(5000), (tokens, seek) => {
        const { segments, advance } = segmentsOf(tokens, FIRST, { seek, frames: 3000 })
        const kept = segments.flatMap((segment) => segment.tokens)
        assert.deepEqual(kept, tokens.slice(0, kept.length))
        assert.ok(segments.length > 0 && advance >= 0 && advance <= 3000)
      }),
      propertyRuns(500, t),
    )
  })

  it('of rising timestamps have rising times', (t) => {
    fc.assert(
      fc.property(rising, (tokens) => {
        const { segments } = segmentsOf(tokens, FIRST, { seek: 100, frames: 3000 })
        const times = segments.map(({ end }) => end)
        assert.deepEqual(
          times,
          times.toSorted((a, b) => a - b),
        )
      }),
      propertyRuns(500, t),
    )
  })

  it('come to an end, whatever a model writes, even that nothing ever ends', async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 5 }), async (answers) => {
        let windows = 0
        const recogniser = {
          recognise: async () => {
            const tokens = answers[windows++ % answers.length]!
            const result = { language: undefined, tokens, logprob: -1, noSpeech: 0, temperature: 0 }
            return {
              ...result,
              isSilent: false,
              enteredAt: 0,
              queueMs: 0,
              encodeMs: 0,
              decodeMs: 0,
            }
          },
        }
        const request = {
          ...({ task: 'transcribe', language: undefined, previous: [], timestamps: true } as const),
          temperatures: [0],
          thresholds: undefined,
        }
        const mel = { data: new Float32Array(3000), bins: 1, frames: 3000 }
        const { signal } = new AbortController()
        for await (const window of transcribe(mel, MODEL, recogniser, { request, signal }))
          assert.ok(window.seek < mel.frames)
        // Each window begins at least one timestamp behind the one before.
        assert.ok(windows <= mel.frames / 2)
      }),
      propertyRuns(50, t, 0.02),
    )
  })
})

describe('the choice of a token', () => {
  it('keeps to the rules: pairs, no way back, nothing suppressed', (t) => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 99 }), (seed, temperature) => {
        const written: number[] = []
        let state = seed >>> 0
        const uniform = () => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0
          return state / 2 ** 32
        }
        while (written.length < 30 && written.at(-1) !== RULES.endOfText) {
          const values = Float32Array.from({ length: FIRST + STEPS + 1 }, () => uniform() * 12)
          applyRules(values, written, RULES, true)
          const chosen = choose(values, temperature / 100, uniform)
          assert.ok(Number.isFinite(logprobOf(values, chosen)))
          written.push(chosen)
        }
        const times = written.filter((id) => id >= FIRST)
        assert.ok(written[0]! >= FIRST && written[0]! <= FIRST + RULES.maxInitialTimestamp!)
        assert.deepEqual(
          times,
          times.toSorted((a, b) => a - b),
        )
        assert.ok(!written.includes(3) && !written.includes(RULES.noTimestamps))
        for (let i = 2; i < written.length; i++)
          assert.ok(
            written.slice(i - 2, i + 1).some((id) => id < FIRST),
            'three timestamps in a row',
          )
      }),
      propertyRuns(30, t, 0.02),
    )
  })

  it('at temperature 0 is the likeliest, and above it each as often as its probability', () => {
    const values = Float32Array.of(0, Math.log(3), Number.NEGATIVE_INFINITY)
    assert.equal(
      choose(values, 0, () => 0.1),
      1,
    )
    const drawn = Array.from({ length: 1000 }, (_, i) => choose(values, 1, () => i / 1000))
    assert.equal(drawn.filter((id) => id === 1).length, 750)
    assert.equal(drawn.includes(2), false)
  })
})
