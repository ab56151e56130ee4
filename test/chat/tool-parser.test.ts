import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TEMPLATE_FORMATS, WRITTEN_FORMATS } from '../../models/tools/formats.ts'
import { ToolCallParser } from '../../src/chat/tool-parser.ts'
import { writeCalls } from '../../src/chat/tool-text.ts'

const FORMATS = [...TEMPLATE_FORMATS, ...WRITTEN_FORMATS]
const NAMES = new Set(['f', 'g'])

function syntaxOf(name: string) {
  return FORMATS.find((format) => format.name === name)!.calls
}

/** What a text says, unit by unit: its text, and each call with its arguments; a call that was cut off ends in `…`. */
function read(format: string, text: string, dropsBegun = false) {
  const parser = new ToolCallParser(syntaxOf(format), NAMES)
  const said = { text: '', calls: [] as string[] }
  for (const piece of [
    ...[...text].flatMap((unit) => parser.push(unit)),
    ...parser.end({ dropsBegun }),
  ]) {
    if (piece.type === 'text') said.text += piece.text
    if (piece.type === 'call') said.calls.push(`${piece.name} …`)
    const last = said.calls.at(-1)?.slice(0, -1)
    if (piece.type === 'arguments') said.calls.splice(-1, 1, `${last}${piece.text}…`)
    if (piece.type === 'call-end') said.calls.splice(-1, 1, last!)
  }
  return said
}

describe('calls in the text of an answer', () => {
  for (const { name, calls } of FORMATS) {
    it(`are found as ${name} writes them, with nothing of it in the text`, () => {
      const text = writeCalls(calls, [
        { name: 'f', text: '{"a": "}\\"] </tool_call>", "b": [1, {}]}' },
        { name: 'g', text: '{}' },
      ])
      const both = ['f {"a": "}\\"] </tool_call>", "b": [1, {}]}', 'g {}']
      assert.deepEqual(read(name, text), { text: '', calls: both })
    })
  }

  it('leave the text before, between and behind them, without the white space before them', () => {
    const text =
      'Sure. \n<tool_call>{"name":"f","arguments":{}}</tool_call>\n and \n<tool_call>{"name":"g","arguments":{}}</tool_call> done '
    assert.deepEqual(read('hermes', text), { text: 'Sure.\n and done ', calls: ['f {}', 'g {}'] })
  })

  it('may have their members in any order, others among them, and the spelling of another format', () => {
    const calls = ['f {"a": 1}']
    for (const inside of [
      '{"arguments": {"a": 1}, "name": "f"}',
      '{"id": "x", "name": "f", "why": {"name": "g"}, "parameters": {"a": 1}}',
      '{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}',
      '[{"name": "f", "arguments": {"a": 1}}]',
      '{"name": "f", "arguments": "{\\"a\\": 1}"}',
    ]) {
      assert.deepEqual(read('hermes', `<tool_call>\n${inside}\n</tool_call>`), { text: '', calls })
    }
  })

  it('have no arguments where they say so, or say nothing', () => {
    for (const inside of ['{"name": "f"}', '{"name": "f", "arguments": null}']) {
      assert.deepEqual(read('hermes', `<tool_call>${inside}</tool_call>`).calls, ['f {}'])
    }
  })

  it('have whole code points in arguments that are a string', () => {
    const inside = '{"name": "f", "arguments": "{\\"a\\": \\"\\ud83d\\ude00 \\u00e9\\n\\"}"}'
    assert.deepEqual(read('hermes', `<tool_call>${inside}`).calls, ['f {"a": "😀 é\n"}'])
  })

  it('need no end', () => {
    assert.deepEqual(read('hermes', '<tool_call>{"name": "f", "arguments": {}}').calls, ['f {}'])
    const two = '<tool_call>{"name":"f","arguments":{}}<tool_call>{"name":"g","arguments":{}}'
    assert.deepEqual(read('hermes', two), { text: '', calls: ['f {}', 'g {}'] })
  })

  it('of a bare format begin the message, and name a tool', () => {
    assert.deepEqual(read('llama3', ' {"name": "f", "parameters": {}}').calls, ['f {}'])
    assert.deepEqual(read('llama3', '<|python_tag|>{"name": "f", "parameters": {}}').calls, [
      'f {}',
    ])
    for (const text of ['see {"name": "f", "parameters": {}}', '{"name": "Bob", "age": 3} is he']) {
      assert.deepEqual(read('llama3', text), { text, calls: [] })
    }
  })

  it('of Mistral may have an id of its own between name and arguments', () => {
    const text = '[TOOL_CALLS]f[CALL_ID]abc123456[ARGS]{"a": 1}'
    assert.deepEqual(read('mistral-v11', text), { text: '', calls: ['f {"a": 1}'] })
  })
})

describe('what looks like a call', () => {
  it('is text where it is none, every character of it', () => {
    for (const text of [
      'a < b <tool',
      '<tool_call> is what I would write',
      '<tool_call>{"name": "nobody", "arguments": {}}</tool_call>',
      '<tool_call>{"name": 5}</tool_call> x',
      '<tool_call>{"arguments": {}}</tool_call>',
      '<tool_call>{"name" "f"}</tool_call>',
      '<tool_call>{"na',
      '  \n',
      '</tool_call>',
    ]) {
      assert.deepEqual(read('hermes', text), { text, calls: [] })
    }
  })

  it('does not keep a later one from being a call', () => {
    const text = '<tool_call> oops <tool_call>{"name": "f", "arguments": {}}</tool_call>'
    assert.deepEqual(read('hermes', text), { text: '<tool_call> oops', calls: ['f {}'] })
  })

  it('has the arguments that it had when it stopped being one', () => {
    const text = '<tool_call>{"name": "f", "arguments": {"a": 1}, 5}</tool_call>'
    assert.deepEqual(read('hermes', text), { text: ', 5}</tool_call>', calls: ['f {"a": 1}'] })
  })

  it('has what there was of its arguments where the answer ends in it', () => {
    const text = '<tool_call>{"name": "f", "arguments": {"a": "x'
    assert.deepEqual(read('hermes', text), { text: '', calls: ['f {"a": "x…'] })
  })

  it('is nothing where calls were required and the answer ended before its name', () => {
    assert.deepEqual(read('hermes', '<tool_call>{"na', true), { text: '', calls: [] })
    assert.deepEqual(read('hermes', '<tool_', true), { text: '', calls: [] })
  })

  it('is told of as soon as its name is known, and its arguments as they come', () => {
    const parser = new ToolCallParser(syntaxOf('hermes'), NAMES)
    assert.deepEqual(parser.push('hm <tool_call>{"name": "f", "argu'), [
      { type: 'text', text: 'hm', from: 0 },
    ])
    assert.deepEqual(parser.push('ments": {"a"'), [
      { type: 'call', name: 'f' },
      { type: 'arguments', text: '{"a"' },
    ])
    assert.deepEqual(parser.push(': 1'), [{ type: 'arguments', text: ': 1' }])
    assert.equal(parser.isInCall, true)
  })
})

/** Pieces of `size` units: tokens and steps of several tokens end anywhere. */
function readIn(format: string, text: string, size: number) {
  const parser = new ToolCallParser(syntaxOf(format), NAMES)
  const calls: string[] = []
  const slices = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
    text.slice(i * size, (i + 1) * size),
  )
  for (const piece of [...slices.flatMap((slice) => parser.push(slice)), ...parser.end()]) {
    if (piece.type === 'call') calls.push(`${piece.name} `)
    if (piece.type === 'arguments') calls.push(`${calls.pop()!}${piece.text}`)
    if (piece.type === 'text') calls.push(`text ${piece.text}`)
  }
  return calls
}

/** What parsers of other servers have lost or broken, by the number of the report. */
const REPORTED = [
  ['no arguments of a tool that takes none (vllm 28806)', '{}'],
  ['a list of objects (vllm 21360)', '{"numbers": [{"a": 1}, {"a": 2}]}'],
  ['lists in lists (vllm 48795)', '{"m": [[1, [2]], []]}'],
  ['brackets in a text', '{"q": "x]}</tool_call>, [TOOL_CALLS][ARGS]; }"}'],
  [
    'members with the names of a call',
    '{"name": "g", "arguments": {"name": "f"}, "parameters": []}',
  ],
  ['a call in a text', '{"q": "{\\"name\\": \\"g\\", \\"arguments\\": {}}"}'],
  ['escapes and letters', '{"q": "caf\\u00e9 你好 😀 \\\\ \\" \\n"}'],
  ['numbers as they are spelt', '{"id": 12345678901234567890, "x": 1.0, "y": -0, "z": 1E5}'],
  ['white space between members', '{\n  "a" : [ 1 , 2 ] ,\n  "b" : { }\n}'],
] as const

describe('arguments', () => {
  for (const { name } of FORMATS) {
    it(`are not changed, however ${name} comes in pieces`, () => {
      for (const [what, text] of REPORTED) {
        const written = writeCalls(syntaxOf(name), [
          { name: 'f', text },
          { name: 'g', text: '{"a": 1}' },
        ])
        for (const size of [1, 2, 5, 16, written.length]) {
          assert.deepEqual(readIn(name, written, size), [`f ${text}`, 'g {"a": 1}'], what)
        }
      }
    })
  }

  it('of a tool with the name of a mark are those of that tool', () => {
    const text =
      '<tool_call>\n{"name": "tool_call", "arguments": {"a": "<tool_call>"}}\n</tool_call>'
    const parser = new ToolCallParser(syntaxOf('hermes'), new Set(['tool_call']))
    assert.deepEqual(
      [...parser.push(text), ...parser.end()],
      [
        { type: 'call', name: 'tool_call' },
        { type: 'arguments', text: '{"a": "<tool_call>"}' },
        { type: 'call-end' },
      ],
    )
  })
})
