import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import fc from 'fast-check'
import { schemaCorpus } from '../../src/bench/schema-corpus.ts'
import { accepts, matcherOf, randomOf, textOf } from '../support/grammar-texts.ts'
import { propertyRuns } from '../support/property-runs.ts'

function validator(schema: object): (value: unknown) => boolean {
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  const { $schema: _, ...plain } = schema as Record<string, unknown>
  return ajv.compile(plain)
}

const bound = fc.oneof(
  fc.integer({ min: -1200, max: 1200 }),
  fc.integer({ min: -99_999, max: 99_999 }).map((n) => n / 1000),
)

describe('a text that a schema allows is valid under it', () => {
  it('whatever the schema', (t) => {
    const corpus = schemaCorpus(1000)
    fc.assert(
      fc.property(fc.nat(corpus.length - 1), fc.integer(), (i, seed) => {
        const { schema } = corpus[i]!
        const text = textOf(matcherOf({ kind: 'json', schema }), randomOf(seed))
        assert.ok(validator(schema)(JSON.parse(text)), text)
      }),
      propertyRuns(60, t, 0.05),
    )
  })

  it('whatever the bounds of a number, which it may reach', (t) => {
    fc.assert(
      fc.property(
        fc.constantFrom('number', 'integer'),
        fc.option(bound, { nil: undefined }),
        fc.option(bound, { nil: undefined }),
        fc.boolean(),
        fc.boolean(),
        fc.integer(),
        (type, low, high, excludesLow, excludesHigh, seed) => {
          fc.pre(low === undefined || high === undefined || high - low > 1)
          const schema = {
            type,
            ...(low !== undefined && { [excludesLow ? 'exclusiveMinimum' : 'minimum']: low }),
            ...(high !== undefined && { [excludesHigh ? 'exclusiveMaximum' : 'maximum']: high }),
          }
          const matcher = matcherOf({ kind: 'json', schema })
          const valid = validator(schema)
          const text = textOf(matcher, randomOf(seed))
          assert.ok(valid(JSON.parse(text)), text)
          // Nothing that is valid and written plainly is left out.
          for (const near of [low, high]) {
            for (const value of near === undefined
              ? []
              : [near, near - 0.001, near + 0.001, near + 1, near - 1]) {
              const plain = String(Number(value.toFixed(6)))
              assert.equal(accepts(matcher, plain), valid(Number(plain)), plain)
            }
          }
        },
      ),
      propertyRuns(100, t, 0.05),
    )
  })

  it('and a value that is valid, written plainly, is allowed: objects, arrays, strings', (t) => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 5 },
        tags: { type: 'array', items: { enum: ['a', 'b', null] }, minItems: 1, maxItems: 3 },
        more: { type: 'object', additionalProperties: { type: ['boolean', 'integer'] } },
      },
      required: ['name'],
      additionalProperties: false,
    }
    const matcher = matcherOf({ kind: 'json', schema })
    const valid = validator(schema)
    const value = fc.record(
      {
        name: fc.string({ maxLength: 7, unit: 'binary' }).filter((text) => text.isWellFormed()),
        tags: fc.array(fc.constantFrom('a', 'b', null, 'c'), { maxLength: 4 }),
        more: fc.dictionary(
          fc.stringMatching(/^[a-z]{0,4}$/),
          fc.oneof(fc.boolean(), fc.integer(), fc.constant('')),
        ),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(value, (value) => {
        assert.equal(accepts(matcher, JSON.stringify(value)), valid(value), JSON.stringify(value))
      }),
      propertyRuns(200, t, 0.1),
    )
  })
})
