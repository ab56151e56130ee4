import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RequestMessage, Tool, ToolChoice } from '../../src/chat/contract.ts'
import { callableTools, checkTools, inCallOrder, toldTools } from '../../src/chat/tool-request.ts'

const tool = (name: string, i = 0, more: Partial<Tool> = {}): Tool => ({
  ...{ name, description: undefined, parameters: undefined, strict: false },
  ...{ param: `tools[${i}].function`, ...more },
})
const user: RequestMessage = { role: 'user', name: undefined, content: [] }
const calls = (i: number, ...ids: string[]): RequestMessage => ({
  role: 'assistant',
  name: undefined,
  content: [],
  toolCalls: ids.map((id, n) => {
    return { id, name: 'f', arguments: '{}', param: `messages[${i}].tool_calls[${n}]` }
  }),
})
const result = (toolCallId: string): RequestMessage => ({
  ...{ role: 'tool', name: undefined, content: [], toolCallId },
})

/** `param` of the error, or that there is none. */
function fault(
  messages: readonly RequestMessage[],
  tools: readonly Tool[] = [tool('f')],
  toolChoice: ToolChoice = { mode: 'auto' },
): string {
  try {
    checkTools({ messages, tools, toolChoice })
  } catch (error) {
    const { code, param } = error as { code: string; param: string }
    return `${code} ${param}`
  }
  return 'none'
}

describe('the tools of a request', () => {
  it('have names of their own', () => {
    const two = [tool('f'), tool('g', 1), tool('f', 2)]
    assert.equal(fault([user], two), 'invalid_request tools[2].function.name')
    assert.equal(fault([user], two.slice(0, 2)), 'none')
  })

  it('are no more than a model could read', () => {
    const parameters = { description: 'x'.repeat(600_000) }
    const large = (name: string) => tool(name, 0, { parameters })
    assert.equal(fault([user], [large('f')]), 'none')
    assert.equal(fault([user], [large('f'), large('g')]), 'request_too_large tools')
  })

  it('take an object, if anything', () => {
    const of = (type: unknown) => [tool('f', 0, { parameters: { type } })]
    for (const type of ['string', ['array', 'null']]) {
      assert.equal(fault([user], of(type)), 'invalid_request tools[0].function.parameters.type')
    }
    assert.equal(fault([user], of('object')), 'none')
    assert.equal(fault([user], of(['null', 'object'])), 'none')
    assert.equal(fault([user], [tool('f', 0, { parameters: {} })]), 'none')
    const elsewhere = { parameters: { type: 'array' }, schemaParam: 'tools[0].input_schema' }
    assert.equal(
      fault([user], [tool('f', 0, elsewhere)]),
      'invalid_request tools[0].input_schema.type',
    )
  })

  it('are there where one must be called, and are the ones that are named', () => {
    const chosen = 'invalid_request tool_choice'
    assert.equal(fault([user], [], { mode: 'required' }), chosen)
    assert.equal(fault([user], [tool('f')], { mode: 'required', only: ['g'] }), chosen)
    assert.equal(fault([user], [tool('f')], { mode: 'auto', only: ['f', 'g'] }), chosen)
    assert.equal(fault([user], [], { mode: 'none' }), 'none')
  })

  it('are all told of, and none where none may be called', () => {
    const tools = [tool('f'), tool('g', 1)]
    const namesOf = (toolChoice: ToolChoice) => [
      toldTools({ tools, toolChoice }).map(({ name }) => name),
      callableTools({ tools, toolChoice }).map(({ name }) => name),
    ]
    assert.deepEqual(namesOf({ mode: 'auto' }), [
      ['f', 'g'],
      ['f', 'g'],
    ])
    assert.deepEqual(namesOf({ mode: 'auto', only: ['g'] }), [['f', 'g'], ['g']])
    assert.deepEqual(namesOf({ mode: 'none' }), [[], []])
  })
})

describe('the turns of a conversation', () => {
  it('answer each call right behind it, in any order', () => {
    const turns = [user, calls(1, 'a', 'b'), result('b'), result('a'), user]
    assert.equal(fault(turns), 'none')
    const order = inCallOrder(turns).map(({ role, toolCallId }) => toolCallId ?? role)
    assert.deepEqual(order, ['user', 'assistant', 'a', 'b', 'user'])
  })

  it('may use an id again in a later turn', () => {
    const turns = [user, calls(1, 'a'), result('a'), calls(3, 'a'), result('a')]
    assert.equal(fault(turns), 'none')
  })

  for (const [what, turns, expected] of [
    [
      'a call without a result',
      [user, calls(1, 'a', 'b'), result('a')],
      'messages[1].tool_calls[1]',
    ],
    ['a turn before the result', [user, calls(1, 'a'), user], 'messages[1].tool_calls[0]'],
    ['a result of no call', [user, result('a')], 'messages[1].tool_call_id'],
    [
      'a result of another turn',
      [user, calls(1, 'a'), result('a'), user, result('a')],
      'messages[4].tool_call_id',
    ],
    [
      'two results of a call',
      [user, calls(1, 'a', 'b'), result('a'), result('a')],
      'messages[3].tool_call_id',
    ],
    [
      'two calls of one id',
      [user, calls(1, 'a', 'a'), result('a')],
      'messages[1].tool_calls[1].id',
    ],
  ] as const) {
    it(`are refused with ${what}`, () => {
      assert.equal(fault(turns), `invalid_request ${expected}`)
    })
  }

  it('are checked in time where there are thousands of calls', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `c${i}`)
    const turns = [user, calls(1, ...ids), ...ids.toReversed().map(result)]
    assert.equal(fault(turns), 'none')
    assert.equal(inCallOrder(turns)[2]!.toolCallId, 'c0')
  })
})
