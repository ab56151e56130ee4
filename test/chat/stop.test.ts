import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { StopMatcher } from '../../src/chat/stop.ts'

function stream(stops: readonly string[], pieces: readonly string[]) {
  const matcher = new StopMatcher(stops)
  let text = ''
  for (const piece of pieces) {
    const result = matcher.push(piece)
    text += result.text
    if (result.stopped) return { text, stopped: true }
  }
  return { text: text + matcher.flush(), stopped: false }
}

describe('stop strings', () => {
  it('ends before a stop string that is spread over several pieces', () => {
    assert.deepEqual(stream(['END'], ['one E', 'N', 'D two']), { text: 'one ', stopped: true })
  })

  it('gives back text that only began like one', () => {
    assert.deepEqual(stream(['END'], ['EN', 'EN', 'ough']), { text: 'ENENough', stopped: false })
  })

  it('takes the earliest of several', () => {
    assert.deepEqual(stream(['yz', 'x'], ['wxyz']), { text: 'w', stopped: true })
  })

  it('holds nothing back that cannot begin one', () => {
    const matcher = new StopMatcher(['\n\n'])
    assert.equal(matcher.push('a b').text, 'a b')
    assert.equal(matcher.holding, false)
    assert.equal(matcher.push('c\n').text, 'c')
    assert.equal(matcher.holding, true)
  })

  it('equals cutting the whole text at the first stop string, however it is cut into pieces', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 })
    const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(
        fc.array(letters, { maxLength: 8 }),
        fc.array(stop, { maxLength: 3 }),
        (pieces, stops) => {
          const whole = pieces.join('')
          const cuts = stops.map((s) => whole.indexOf(s)).filter((at) => at >= 0)
          const expected = cuts.length > 0 ? whole.slice(0, Math.min(...cuts)) : whole
          const got = stream(stops, pieces)
          // A piece may complete a later-starting stop string before an earlier-starting longer one is whole.
          assert.ok(got.text === expected || (got.stopped && whole.startsWith(got.text)))
          assert.equal(got.stopped, cuts.length > 0)
          assert.ok(!stops.some((s) => got.text.includes(s)))
        },
      ),
      { numRuns: 2000 },
    )
  })
})
