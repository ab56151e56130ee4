import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatConstraint } from '../../src/chat/format-constraint.ts'
import { toResponseFormat } from '../../src/http/wire-format.ts'

describe('the form of an answer on the wire', () => {
  it('is any text where nothing is asked for', () => {
    for (const wire of [
      {},
      { response_format: null },
      { response_format: { type: 'text' } },
    ] as const) {
      assert.deepEqual(toResponseFormat(wire), { type: 'text' })
      assert.equal(formatConstraint(toResponseFormat(wire)), undefined)
    }
  })

  it('keeps the field that asks for it, for messages', () => {
    const schema = { type: 'object' }
    const json_schema = { name: 'a', schema, strict: true }
    const response_format = { type: 'json_schema' as const, json_schema }
    assert.deepEqual(formatConstraint(toResponseFormat({ response_format })), {
      ...{ kind: 'json', schema, param: 'response_format.json_schema.schema' },
    })
    const object = toResponseFormat({ response_format: { type: 'json_object' } })
    assert.deepEqual(formatConstraint(object), {
      ...{ kind: 'json', schema: { type: 'object' }, param: 'response_format' },
    })
    const of = (structured_outputs: object) =>
      formatConstraint(toResponseFormat({ structured_outputs }))
    assert.deepEqual(of({ json: schema }), {
      kind: 'json',
      schema,
      param: 'structured_outputs.json',
    })
    assert.deepEqual(of({ regex: 'a' }), {
      kind: 'regex',
      pattern: 'a',
      param: 'structured_outputs.regex',
    })
    assert.deepEqual(of({ grammar: 'b' }), {
      kind: 'grammar',
      text: 'b',
      param: 'structured_outputs.grammar',
    })
    assert.deepEqual(of({ choice: ['x', 'y'] }), {
      kind: 'choice',
      of: [
        { kind: 'literal', text: 'x' },
        { kind: 'literal', text: 'y' },
      ],
    })
  })

  it('allows stop strings beside text alone', () => {
    assert.deepEqual(toResponseFormat({ stop: ['a'] }), { type: 'text' })
    assert.ok(toResponseFormat({ stop: [], structured_outputs: { regex: 'a' } }))
    const both = { stop: 'a', structured_outputs: { regex: 'a' } }
    assert.throws(() => toResponseFormat(both), { code: 'invalid_request', param: 'stop' })
  })
})
