import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { accepts, matcherOf, randomOf, textOf } from '../support/grammar-texts.ts'
import { propertyRuns } from '../support/property-runs.ts'

const atom = fc.constantFrom(
  'a',
  'b',
  'é',
  '🦅',
  '.',
  '\\d',
  '\\w',
  '\\s',
  '\\S',
  '[ab]',
  '[^a]',
  '[a-cé]',
  '\\.',
  '\\u0061',
)
const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,}', '{0,3}', '*?')
const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 2 },
    fc.tuple(atom, quantifier).map(([one, times]) => one + times),
    fc.tuple(tie('pattern'), quantifier).map(([inner, times]) => `(?:${inner})${times}`),
  ),
  pattern: fc
    .array(fc.array(tie('part'), { maxLength: 3 }), { minLength: 1, maxLength: 2 })
    .map((branches) => branches.map((parts) => parts.join('')).join('|')),
}))
const text = fc.string({
  maxLength: 5,
  unit: fc.constantFrom('a', 'b', 'é', '🦅', '1', ' ', '\n', '.', '_'),
})

it('a regular expression allows what it matches as a whole, and nothing else', (t) => {
  fc.assert(
    fc.property(pattern, text, fc.nat(), (pattern, text, seed) => {
      const whole = new RegExp(`^(?:${pattern})$`, 'u')
      const matcher = matcherOf({ kind: 'regex', pattern })
      assert.equal(
        accepts(matcher, text),
        whole.test(text),
        `${pattern} on ${JSON.stringify(text)}`,
      )
      const random = randomOf(seed)
      const made = textOf(matcher, random, 8)
      assert.ok(whole.test(made), `${pattern} made ${JSON.stringify(made)}`)
    }),
    propertyRuns(300, t, 0.3),
  )
})

it('a pattern of a schema allows the strings that it is found in', (t) => {
  fc.assert(
    fc.property(
      pattern,
      fc.constantFrom(['', ''], ['^', ''], ['', '$'], ['^', '$']),
      text,
      (inner, [start, end], text) => {
        // An anchor belongs to its alternative alone.
        const pattern = `${start}(?:${inner})${end}`
        const matcher = matcherOf({ kind: 'json', schema: { type: 'string', pattern } })
        const found = new RegExp(pattern, 'u').test(text)
        assert.equal(
          accepts(matcher, JSON.stringify(text)),
          found,
          `${pattern} on ${JSON.stringify(text)}`,
        )
      },
    ),
    propertyRuns(300, t, 0.3),
  )
})
