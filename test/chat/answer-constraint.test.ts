import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generic } from '../../models/tools/hermes.ts'
import { llama3 } from '../../models/tools/llama3.ts'
import { mistral } from '../../models/tools/mistral.ts'
import { phi4 } from '../../models/tools/phi4.ts'
import { answerConstraint } from '../../src/chat/answer-constraint.ts'
import type { Tool, ToolChoice } from '../../src/chat/contract.ts'
import type { Constraint } from '../../src/engine/constraint.ts'

const schema = { type: 'object', properties: { a: { type: 'integer' } } }
const tool = (name: string, more: Partial<Tool> = {}): Tool => ({
  ...{ name, description: undefined, parameters: schema, strict: false, param: name },
  ...more,
})
const asked = (
  toolChoice: ToolChoice,
  tools = [tool('f'), tool('g')],
  parallelToolCalls = true,
) => ({
  ...{ toolChoice, tools, parallelToolCalls },
})
const json = (name: string, of: object = schema) => ({
  ...{ kind: 'json', schema: of, param: `${name}.parameters` },
})
const hermesTag = (name: string, of?: object) => ({
  begin: `<tool_call>\n{"name": "${name}", "arguments": `,
  content: json(name, of),
  end: '}\n</tool_call>',
})
const format: Constraint = { kind: 'regex', pattern: 'a' }

describe('what an answer may say because of its tools', () => {
  it('is anything where the model decides', () => {
    assert.equal(answerConstraint(asked({ mode: 'auto' }), generic.calls, undefined), undefined)
    assert.equal(answerConstraint(asked({ mode: 'none' }), generic.calls, undefined), undefined)
    assert.equal(answerConstraint(asked({ mode: 'none' }), generic.calls, format), format)
  })

  it('is calls and nothing else where they are required, one or more', () => {
    assert.deepEqual(answerConstraint(asked({ mode: 'required' }), generic.calls, format), {
      ...{ kind: 'separated', separator: '\n', tags: [hermesTag('f'), hermesTag('g')] },
      ...{ atLeastOne: true, stopAfterFirst: false },
    })
  })

  it('is one call where no more are allowed, by the request or by the format', () => {
    const one = asked({ mode: 'required', only: ['g'] }, undefined, false)
    const tag = { kind: 'tag', ...hermesTag('g') }
    assert.deepEqual(answerConstraint(one, generic.calls, undefined), { kind: 'choice', of: [tag] })
    const bare = { begin: '{"name": "f", "parameters": ', content: json('f'), end: '}' }
    assert.deepEqual(
      answerConstraint(asked({ mode: 'required', only: ['f'] }), llama3.calls, undefined),
      {
        ...{ kind: 'choice', of: [{ kind: 'tag', ...bare }] },
      },
    )
  })

  it('is a list where the format has one', () => {
    const request = asked({ mode: 'required' }, [tool('f', { parameters: undefined })])
    const none = { type: 'object', properties: {}, additionalProperties: false }
    const tag = { begin: '{"name": "f", "arguments": ', content: json('f', none), end: '}' }
    assert.deepEqual(answerConstraint(request, mistral.calls, undefined), {
      kind: 'sequence',
      of: [
        { kind: 'literal', text: '[TOOL_CALLS] [' },
        {
          kind: 'separated',
          separator: ', ',
          tags: [tag],
          atLeastOne: true,
          stopAfterFirst: false,
        },
        { kind: 'literal', text: ']' },
      ],
    })
  })

  it('is text in which calls keep to the schemas of strict tools', () => {
    const tools = [tool('f', { strict: true }), tool('g')]
    assert.deepEqual(answerConstraint(asked({ mode: 'auto' }, tools), generic.calls, undefined), {
      ...{ kind: 'triggered', triggers: ['<tool_call>'] },
      tags: [hermesTag('f'), hermesTag('g', { type: 'object' })],
      ...{ atLeastOne: false, stopAfterFirst: false },
    })
  })

  it('keeps arguments to an object, whatever the schema leaves out', () => {
    const of = (parameters: object) => {
      const tools = [tool('f', { parameters: parameters as Tool['parameters'] })]
      const one = answerConstraint(
        asked({ mode: 'required' }, tools, false),
        generic.calls,
        undefined,
      )
      assert.ok(one?.kind === 'choice' && one.of[0]?.kind === 'tag')
      assert.ok(one.of[0].content.kind === 'json')
      return one.of[0].content.schema
    }
    assert.deepEqual(of({}), { type: 'object' })
    assert.deepEqual(of({ $ref: '#/$defs/a' }), { $ref: '#/$defs/a', type: 'object' })
    assert.deepEqual(of({ type: ['object', 'null'] }), { type: 'object' })
    assert.deepEqual(of(schema), schema)
  })

  it('keeps to strict tools behind each mark that a format reads', () => {
    const tools = [tool('f', { strict: true })]
    const constraint = answerConstraint(
      asked({ mode: 'auto' }, tools, false),
      phi4.calls,
      undefined,
    )
    assert.ok(constraint?.kind === 'triggered')
    assert.deepEqual(constraint.triggers, ['<|tool_call|>', 'functools'])
    const ends = constraint.tags.map(({ begin, end }) => [begin, end])
    assert.deepEqual(ends, [
      ['<|tool_call|>[', ']<|/tool_call|>'],
      ['functools[', ']'],
    ])
    const bare = answerConstraint(asked({ mode: 'auto' }, tools, false), llama3.calls, undefined)
    assert.ok(bare?.kind === 'triggered')
    assert.deepEqual(bare.triggers, ['<|python_tag|>', '{"name": "'])
    assert.deepEqual(
      bare.tags.map(({ begin }) => begin),
      ['<|python_tag|>{"name": "f", "parameters": ', '{"name": "f", "parameters": '],
    )
  })

  it('is text in which only those tools are called that may be', () => {
    const constraint = answerConstraint(
      asked({ mode: 'auto', only: ['g'] }),
      generic.calls,
      undefined,
    )
    assert.ok(constraint?.kind === 'triggered')
    assert.deepEqual(constraint.tags, [hermesTag('g', { type: 'object' })])
  })

  it('is calls, or text of the format that is asked for', () => {
    const constraint = answerConstraint(asked({ mode: 'auto' }), generic.calls, format)
    assert.ok(constraint?.kind === 'choice')
    assert.deepEqual([constraint.of[0]!.kind, constraint.of[1]], ['separated', format])
  })
})
