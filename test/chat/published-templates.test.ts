/**
 * The formats of calls against chat templates as they were published: what Jinja2 made of them is in the fixture, they themselves are not.
 * A template writes the calls of earlier turns as its model was trained to, so that a format reads and spells what stands there.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { TEMPLATE_FORMATS, WRITTEN_FORMATS } from '../../models/tools/formats.ts'
import { pythonJson } from '../../src/chat/json-text.ts'
import { modelTools } from '../../src/chat/model-tools.ts'
import { ChatTemplate, type TemplateMessage } from '../../src/chat/template.ts'
import { ToolCallParser } from '../../src/chat/tool-parser.ts'
import { writeCalls } from '../../src/chat/tool-text.ts'

const FIXTURE = new URL('../fixtures/tools/', import.meta.url)
const FOLDER = process.env['PUBLISHED_TEMPLATES']
const NAMES = new Set(['get_weather', 'now'])
/** What begins the answer of a model whose calls begin without a mark. */
const ANSWER = '<|end_header_id|>\n\n'

interface Case {
  readonly messages: readonly (TemplateMessage & { readonly content: string })[]
  readonly tools?: readonly object[]
}
interface Published {
  readonly sha256: string
  readonly format: string
  readonly prompts: Readonly<Record<string, string>>
}

const readJson = (name: string) => JSON.parse(readFileSync(new URL(name, FIXTURE), 'utf8'))
const cases: Record<string, Case> = readJson('cases.json')
const { day, templates }: { day: string; templates: Record<string, Published> } =
  readJson('published.json')

const syntaxOf = (format: string) =>
  [...TEMPLATE_FORMATS, ...WRITTEN_FORMATS].find(({ name }) => name === format)!.calls

/** The calls of a conversation's first answer that has any. */
function callsOf({ messages }: Case) {
  const calls = messages.find(({ tool_calls }) => tool_calls)?.tool_calls ?? []
  return calls.map(({ function: { name, arguments: args } }) => ({ name, arguments: args }))
}

/** What a prompt says from its first question on, in pieces of `size` units. */
function read(format: string, prompt: string, { messages }: Case, size: number) {
  const calls = syntaxOf(format)
  const asked = messages.find(({ role }) => role === 'user')!.content
  const question = prompt.lastIndexOf(asked) + asked.length
  const begin = calls.bare ? prompt.indexOf(ANSWER, question) + ANSWER.length : question
  const text = prompt.slice(begin)
  const parser = new ToolCallParser(calls, NAMES)
  const found: { name: string; arguments: string }[] = []
  const slices = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
    text.slice(i * size, (i + 1) * size),
  )
  for (const piece of [...slices.flatMap((slice) => parser.push(slice)), ...parser.end()]) {
    if (piece.type === 'call') found.push({ name: piece.name, arguments: '' })
    if (piece.type === 'arguments') found.at(-1)!.arguments += piece.text
  }
  return found.map((call) => ({ ...call, arguments: JSON.parse(call.arguments) }))
}

const withCalls = Object.entries(templates).flatMap(([name, { format, prompts }]) =>
  Object.entries(prompts).flatMap(([at, prompt]) => {
    const conversation = cases[at]!
    const calls = callsOf(conversation)
    return calls.length === 0 ? [] : [{ name, format, at, prompt, conversation, calls }]
  }),
)

describe('calls as published templates write them', () => {
  for (const { name, format, at, prompt, conversation, calls } of withCalls) {
    if (format === 'generic') continue
    it(`are read as they were made: ${name} (${format}), ${at}`, () => {
      for (const size of [1, 3, prompt.length]) {
        assert.deepEqual(read(format, prompt, conversation, size), calls)
      }
    })
  }

  for (const { name, format, prompt, calls } of withCalls) {
    // Their templates put an id of the call into it, which the models need not write.
    if (format === 'generic' || format === 'mistral-nemo' || name.startsWith('Mistral-Small')) {
      continue
    }
    it(`are spelled as the server forces them: ${name} (${format}), ${calls.length}`, () => {
      const texts = calls.map((call) => ({ name: call.name, text: pythonJson(call.arguments) }))
      assert.ok(prompt.includes(writeCalls(syntaxOf(format), texts)), prompt)
    })
  }

  it('of Mistral Nemo have the id behind the arguments', () => {
    const prompt = templates['mistralai-Mistral-Nemo-Instruct-2407']!.prompts['parallel']!
    const written = writeCalls(
      syntaxOf('mistral-nemo'),
      callsOf(cases['parallel']!).map((call) => ({
        ...{ name: call.name, text: pythonJson(call.arguments) },
      })),
    )
    const withIds = written
      .replace('}}, ', '}, "id": "call00001"}, ')
      .replace('}}]', '}, "id": "call00002"}]')
    assert.ok(prompt.includes(withIds), prompt)
  })

  it('in XML or in parts are not taken for JSON, whatever marks they have', () => {
    for (const name of ['Qwen3-Coder', 'GLM-4.6']) {
      const prompt = templates[name]!.prompts['turns']!
      assert.ok(prompt.includes('<tool_call>'))
      assert.deepEqual(read('hermes', prompt, cases['turns']!, 1), [])
    }
  })
})

/** Texts of calls out of what others published of formats whose templates write none; the arguments are ours. */
const PUBLISHED_ANSWERS = [
  // mistral-common, tests of the tokenizer v3: '▁' there is a space here, and the id is the client's.
  ['mistral', '[TOOL_CALLS] [{"name": "now", "arguments": {}, "id": "123456789"}]', ['now {}']],
  // Ollama's library, nemotron-mini: each call with a space behind it.
  [
    'nemotron',
    '<toolcall> {"name": "now", "arguments": {}} </toolcall> <toolcall> {"name": "get_weather", "arguments": {"city": "Bonn"}} </toolcall> ',
    ['now {}', 'get_weather {"city": "Bonn"}'],
  ],
  // vLLM, phi4mini_tool_parser and its template.
  [
    'phi4',
    'functools[{"name": "get_weather", "arguments": {"city": "Bonn", "on": [1, 2]}}]',
    ['get_weather {"city": "Bonn", "on": [1, 2]}'],
  ],
  // llama.cpp, its template for Phi-4-mini.
  ['phi4', '<|tool_call|>{"name": "now", "arguments": {}}<|/tool_call|>', ['now {}']],
  // The card of SmolLM2-1.7B-Instruct: its layout, and that a list may be empty.
  [
    'smollm2',
    '<tool_call>[\n{"name": "now", "arguments": {}},\n{"name": "get_weather", "arguments": {"city": "Bonn"}}\n]</tool_call>',
    ['now {}', 'get_weather {"city": "Bonn"}'],
  ],
  ['smollm2', '<tool_call>[]</tool_call>', []],
  // Llama 3.1, its prompt formats: functions of the user's own, and a call behind the mark.
  [
    'functionary',
    '<function=get_weather>{"city": "Bonn"}</function>',
    ['get_weather {"city": "Bonn"}'],
  ],
  [
    'llama3',
    '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Bonn"}}',
    ['get_weather {"city": "Bonn"}'],
  ],
] as const

describe('answers as others have them', () => {
  for (const [format, text, calls] of PUBLISHED_ANSWERS) {
    it(`are read: ${format}, ${JSON.stringify(text)}`, () => {
      for (const size of [1, 4, text.length]) {
        const parser = new ToolCallParser(syntaxOf(format), NAMES)
        const found: string[] = []
        for (let i = 0; i < text.length; i += size) {
          for (const piece of parser.push(text.slice(i, i + size))) {
            if (piece.type === 'call') found.push(`${piece.name} `)
            if (piece.type === 'arguments') found.push(found.pop()! + piece.text)
            assert.notEqual(piece.type, 'text')
          }
        }
        assert.ok(parser.end().every(({ type }) => type !== 'text'))
        assert.deepEqual(found, calls)
      }
    })
  }
})

describe('a published template', {
  skip: FOLDER ? false : 'PUBLISHED_TEMPLATES names no folder with them (test/fixtures/tools)',
}, () => {
  for (const [name, { sha256, format, prompts }] of Object.entries(templates)) {
    it(`is rendered as Jinja2 does, and known for what it is: ${name}`, (test) => {
      test.mock.timers.enable({ apis: ['Date'], now: new Date(`${day}T12:00:00Z`) })
      const text = readFileSync(resolve(FOLDER!, `${name}.jinja`), 'utf8')
      assert.equal(createHash('sha256').update(text).digest('hex'), sha256)
      const template = new ChatTemplate(text, { bos_token: '<s>', eos_token: '</s>' })
      const tools = modelTools(template, { idOf: () => undefined, isSpecial: () => false })
      assert.equal(tools.format, format)
      // Jinja2 escapes what it adds to a text that is marked as safe; the package knows no such texts.
      const change = (prompt: string) =>
        format === 'functionary'
          ? prompt.replaceAll('&#34;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
          : prompt
      for (const [at, prompt] of Object.entries(prompts)) {
        const { messages, tools: told } = cases[at]!
        assert.equal(template.render(messages, told), change(prompt), at)
      }
    })
  }
})
