import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import type { ChatMessage, ContentPart, Tool } from '../../src/chat/contract.ts'
import { modelTools } from '../../src/chat/model-tools.ts'
import { buildPrompt } from '../../src/chat/prompt.ts'
import { ChatTemplate } from '../../src/chat/template.ts'
import { EncoderThread } from '../../src/tokenizer/encoder-thread.ts'

const FIXTURE = new URL('../fixtures/tools/', import.meta.url)
const STARTER = new URL('../../models/starter/', import.meta.url).pathname

interface WireMessage {
  readonly role: ChatMessage['role']
  readonly content: string
  readonly tool_calls?: readonly { id: string; function: { name: string; arguments: unknown } }[]
  readonly tool_call_id?: string
  readonly tools?: string
}
interface Case {
  readonly tools?: readonly {
    function: { name: string; description: string; parameters: object }
  }[]
  readonly messages: readonly WireMessage[]
}

const readJson = (name: string) => JSON.parse(readFileSync(new URL(name, FIXTURE), 'utf8'))
const cases: Record<string, Case> = readJson('cases.json')
const { prompts }: { prompts: Record<string, Record<string, string>> } = readJson('rendered.json')

const text = (value: string): ContentPart => ({ type: 'text', text: value, param: 'p' })
const user = (...content: ContentPart[]): ChatMessage => ({
  role: 'user',
  name: undefined,
  content,
})
const image: ContentPart = { type: 'image', url: 'data:', detail: 'auto', param: 'p' }
const called = (...calls: [id: string, name: string, args: string][]): ChatMessage => ({
  role: 'assistant',
  name: undefined,
  content: [],
  toolCalls: calls.map(([id, name, args]) => ({ id, name, arguments: args, param: 'p' })),
})
const result = (toolCallId: string, ...content: ContentPart[]): ChatMessage => ({
  role: 'tool',
  name: undefined,
  content,
  toolCallId,
})
const tool = (name: string, more: Partial<Tool> = {}): Tool => ({
  ...{ name, description: undefined, parameters: undefined, strict: false, param: 'tools[0]' },
  ...more,
})

function toMessage(wire: WireMessage): ChatMessage {
  const { role, content, tool_calls: calls, tool_call_id: id } = wire
  return {
    role,
    name: undefined,
    content: content === '' ? [] : [text(content)],
    ...(calls && {
      toolCalls: calls.map(({ id: callId, function: { name, arguments: value } }) => {
        return { id: callId, name, arguments: JSON.stringify(value), param: 'p' }
      }),
    }),
    ...(id !== undefined && { toolCallId: id }),
  }
}

describe('a prompt with tools', async () => {
  const encoder = await EncoderThread.load(STARTER)
  const { tokenizer } = encoder
  after(() => encoder.dispose())
  const base = { tokenizer, encoder, firstIds: new Int32Array(), limits: { maxContext: 4096 } }
  const builderOf = (template: ChatTemplate) => ({
    ...base,
    template,
    tools: modelTools(template, tokenizer),
    picturePrompt: undefined,
    messageContent: 'text' as const,
  })
  const published = (name: string) =>
    builderOf(
      new ChatTemplate(readFileSync(new URL(`templates/${name}.jinja`, FIXTURE), 'utf8'), {
        bos_token: '<s>',
        eos_token: '</s>',
      }),
    )

  it('knows the format of each template by what the template does', () => {
    const found = readdirSync(new URL('templates', FIXTURE)).map((file) => {
      const { tools } = published(file.slice(0, -'.jinja'.length))
      return [file, tools.format, tools.source]
    })
    assert.deepEqual(
      found,
      ['hermes', 'llama3', 'mistral', 'nemotron', 'phi4'].map((name) => {
        return [`${name}.jinja`, name, 'chat-template']
      }),
    )
  })

  for (const [format, expected] of Object.entries(prompts)) {
    for (const [name, prompt] of Object.entries(expected)) {
      it(`is what transformers renders: ${format}, ${name}`, async () => {
        const { messages, tools = [] } = cases[name]!
        const inSystem = messages[0]!.tools
        const told = inSystem ? JSON.parse(inSystem) : tools
        const asked = told.map((one: Partial<Tool> & { function?: Partial<Tool> }) => {
          return tool('', one.function ?? one)
        })
        const built = await buildPrompt(published(format), messages.map(toMessage), [], asked)
        assert.equal(built.text, prompt)
      })
    }
  }

  it('tells numbers as they came', async () => {
    const args = '{"id": 12345678901234567890, "at": [1.0, -0, 1e5, 7], "s": "1.0"}'
    const messages = [user(text('x')), called(['1', 'f', args]), result('1', text('y'))]
    const { text: prompt } = await buildPrompt(published('hermes'), messages, [], [tool('f')])
    assert.ok(prompt.includes(`"arguments": ${args}}`), prompt)
  })

  it('tells arguments that are no JSON as a text', async () => {
    const messages = [user(text('x')), called(['1', 'f', '{"a": ']), result('1', text('y'))]
    const { text: prompt } = await buildPrompt(published('hermes'), messages, [], [tool('f')])
    assert.ok(prompt.includes('"arguments": "{\\"a\\": "}'), prompt)
  })

  it('tells calls that were made at once one by one to a template that knows no other way', async () => {
    const messages = [
      user(text('x')),
      called(['1', 'f', '{"n": 1}'], ['2', 'f', '{"n": 2}']),
      result('1', text('one')),
      result('2', text('two')),
    ]
    const { text: prompt } = await buildPrompt(published('llama3'), messages, [], [tool('f')])
    const order = [...prompt.matchAll(/"n": (\d)|"(one|two)"/g)].map(([, n, word]) => n ?? word)
    assert.deepEqual(order, ['1', 'one', '2', 'two'])
  })

  it('has the calls in the content where a template shows no others', async () => {
    const messages = [user(text('x')), called(['1', 'f', '{"n": 1}']), result('1', text('one'))]
    for (const [format, expected] of [
      ['nemotron', '<toolcall> {"name": "f", "arguments": {"n": 1}} </toolcall>'],
      ['phi4', '<|tool_call|>[{"name": "f", "arguments": {"n": 1}}]<|/tool_call|>'],
    ] as const) {
      const { text: prompt } = await buildPrompt(published(format), messages, [], [tool('f')])
      assert.ok(prompt.includes(expected), prompt)
    }
  })

  it('has no special token that a JSON escape of a call or a schema spells, where the template writes values', async () => {
    const specials = tokenizer.specialTokens
    const ids = new Set(specials.map((token) => tokenizer.idOf(token)!))
    for (const token of specials) {
      const escaped = [...token].map((unit) => `\\u00${unit.charCodeAt(0).toString(16)}`).join('')
      const args = `{"${escaped}": ["${escaped}"]}`
      assert.deepEqual(JSON.parse(args), { [token]: [token] })
      const parameters = { type: 'object', properties: { [token]: { const: token } } }
      const messages = [user(text('x')), called(['1', 'f', args]), result('1', text(token))]
      const told = [tool('f', { parameters })]
      const { pieces, text: prompt } = await buildPrompt(published('hermes'), messages, [], told)
      assert.ok(prompt.includes(`{"${token}": ["${token}"]}`))
      const [only] = pieces
      assert.ok(only?.kind === 'tokens')
      assert.deepEqual(
        [...only.ids].filter((id) => ids.has(id)),
        [],
      )
    }
  })

  it('is in the format that a template writes, not in one whose marks stand in it', () => {
    const formatOf = (calls: string) => {
      const written = `{% for t in tools %}{{ t.function.name }}{% endfor %}{% for m in messages %}{{ m.role }}\n{% for c in m.tool_calls %}${calls}{% endfor %}\n{% endfor %}assistant\n`
      return builderOf(new ChatTemplate(written, {})).tools.format
    }
    const name = '{{ c.function.name }}'
    const args = '{{ c.function.arguments | tojson }}'
    const xml = `<tool_call>\n<function=${name}>\n{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n{{ v }}\n</parameter>\n{% endfor %}</function>\n</tool_call>`
    assert.equal(formatOf(xml), 'generic')
    assert.equal(
      formatOf(`<tool_call>${name}{{ '\n' }}<arg_key>a</arg_key></tool_call>`),
      'generic',
    )
    assert.equal(formatOf(`{"tool_name": "${name}", "parameters": ${args}}`), 'generic')
    assert.equal(formatOf(`<function=${name}>${args}</function>`), 'functionary')
    const object = `{"name": "${name}", "arguments": ${args}}`
    assert.equal(formatOf(`<tool_call>${object}</tool_call>`), 'hermes')
    assert.equal(formatOf(`[TOOL_CALLS] [${object}]`), 'mistral')
    assert.equal(formatOf(`[TOOL_CALLS][${object}]`), 'mistral-nemo')
    assert.equal(formatOf(`[TOOL_CALLS]${name}[CALL_ID]abc[ARGS]${args}`), 'mistral-v11')
    assert.equal(formatOf(`{"name": "${name}", "parameters": ${args}}`), 'llama3')
  })

  it('has nothing where a template trims what is not there', async () => {
    const template = new ChatTemplate(
      '{# <tool_call> #}{% for t in tools %}{{ t.function.name }}({{ t.function.description | trim }}){% endfor %}',
      {},
    )
    const { text: prompt } = await buildPrompt(
      builderOf(template),
      [user(text('x'))],
      [],
      [tool('f')],
    )
    assert.equal(prompt, 'f()')
  })

  it('is rendered with the template for tools of a checkpoint that has one', async () => {
    const plain = 'plain{% for m in messages %}{{ m.content }}{% endfor %}'
    const forTools = 'tools{% for t in tools %}{{ t.function.name }}<tool_call>{% endfor %}'
    const template = new ChatTemplate(plain, {}, undefined, forTools)
    const builder = builderOf(template)
    assert.equal(builder.tools.format, 'hermes')
    const ask = (tools: Tool[]) => buildPrompt(builder, [user(text('x'))], [], tools)
    assert.deepEqual(
      [(await ask([])).text, (await ask([tool('f')])).text],
      ['plainx', 'toolsf<tool_call>'],
    )
  })
})

describe('a prompt with tools for a template that knows none', async () => {
  const encoder = await EncoderThread.load(STARTER)
  const { tokenizer } = encoder
  after(() => encoder.dispose())
  const template = await ChatTemplate.load(STARTER, tokenizer)
  const builder = {
    ...{ tokenizer, encoder, template, firstIds: new Int32Array() },
    tools: modelTools(template, tokenizer),
    picturePrompt: {
      placeholder: () => '<image>',
      texts: () => ['', ''],
      stretchTexts: { before: '', after: '' },
    },
    messageContent: 'parts' as const,
    limits: { maxContext: 4096 },
  }
  const weather = tool('get_weather', { description: 'Weather.', parameters: { type: 'object' } })

  it('has them in the system message, in a format of our own', async () => {
    assert.deepEqual([builder.tools.format, builder.tools.source], ['generic', 'messages'])
    const system: ChatMessage = { role: 'developer', name: undefined, content: [text('Be brief.')] }
    const line =
      '<tools>\n{"type": "function", "function": {"name": "get_weather", "description": "Weather.", "parameters": {"type": "object"}}}\n</tools>'
    const alone = await buildPrompt(builder, [user(text('x'))], [], [weather])
    assert.ok(alone.text.startsWith('<s><|system|># Tools\n'))
    assert.ok(alone.text.includes(line))
    const behind = await buildPrompt(builder, [system, user(text('x'))], [], [weather])
    assert.ok(behind.text.startsWith('<s><|system|>Be brief.\n\n# Tools\n'))
  })

  it('has each of several by itself, and in the words of a family that was trained on some', async () => {
    const told = [weather, tool('now')]
    const json = told.map(({ name }) => `{"type": "function", "function": {"name": "${name}"`)
    const { text: own } = await buildPrompt(builder, [user(text('x'))], [], told)
    assert.ok(own.includes(`<tools>\n${json[0]}`) && own.includes(`}}\n${json[1]}`), own)
    assert.match(own, /\}\n<\/tools>\n/)
    const smollm2 = new ChatTemplate(
      "{% if messages[0].role != 'system' %}named SmolLM{% endif %}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}",
      {},
    )
    const tools = modelTools(smollm2, tokenizer)
    assert.equal(tools.format, 'smollm2')
    const asking = { ...builder, template: smollm2, tools, messageContent: 'text' as const }
    const { text: prompt } = await buildPrompt(asking, [user(text('x'))], [], told)
    assert.ok(prompt.startsWith('system: You are an expert in composing functions. '), prompt)
    const list = /<tools>(.*)<\/tools>/.exec(prompt)![1]!
    assert.deepEqual(
      JSON.parse(list).map((one: { function: Tool }) => one.function.name),
      ['get_weather', 'now'],
    )
  })

  it('has calls in answers and results in questions, user and assistant in turn', async () => {
    const messages = [
      user(text('x')),
      { ...called(['1', 'f', '{"a":1}'], ['2', 'g', '']), content: [text('Wait.')] },
      result('1', text('one')),
      result('2', text('two')),
      user(text('So?')),
    ]
    const { text: prompt } = await buildPrompt(builder, messages, [])
    assert.equal(
      prompt,
      '<s><|user|>x<|assistant|>Wait.\n<tool_call>\n{"name": "f", "arguments": {"a":1}}\n</tool_call>\n<tool_call>\n{"name": "g", "arguments": {}}\n</tool_call><|end|>' +
        '<|user|><tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>\nSo?<|assistant|>',
    )
  })

  it('shows the picture of a result', async () => {
    const messages = [user(text('x')), called(['1', 'f', '{}']), result('1', text('see'), image)]
    const seen = [{ kind: 'picture' as const, layout: ONE_TILE, tokens: 1 }]
    const prompt = await buildPrompt(builder, messages, seen)
    assert.match(prompt.text, /<image><\|user\|><tool_response>\nsee\n<\/tool_response>/)
    assert.equal(prompt.pieces.filter(({ kind }) => kind === 'medium').length, 1)
  })

  it('lets nobody forge a turn or a picture in a description, a call or a result, however it is spelt', async () => {
    const specials = tokenizer.specialTokens
    const idsOf = new Set(specials.map((token) => tokenizer.idOf(token)!))
    const escaped = (token: string) =>
      [...token].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
    const evil = fc.array(
      fc.constantFrom(
        ...specials,
        ...specials.flatMap((one) => [one.slice(0, 3), one.slice(3)]),
        'x',
      ),
      { maxLength: 4 },
    )
    await fc.assert(
      fc.asyncProperty(evil, evil, async (some, more) => {
        const typed = some.join('')
        const args = `{"${escaped(typed)}": "${escaped(more.join(''))}", "b": ${JSON.stringify(typed)}}`
        const messages = [
          user(...some.map(text)),
          called(['1', 'f', args]),
          result('1', ...more.map(text)),
        ]
        const parameters = { type: 'object', properties: { [typed]: { const: typed } } }
        const told = [tool('f', { description: typed, parameters })]
        const { pieces } = await buildPrompt(builder, messages, [], told)
        const [only, ...others] = pieces
        assert.equal(others.length, 0)
        assert.ok(only?.kind === 'tokens')
        const marks = [...only.ids]
          .filter((id) => idsOf.has(id))
          .map((id) => tokenizer.decode([id]) || id)
        const turn = ['<|user|>', '<|assistant|>'].map((token) => tokenizer.idOf(token)!)
        const expected = [
          tokenizer.idOf('<s>'),
          tokenizer.idOf('<|system|>'),
          ...turn,
          tokenizer.idOf('<|end|>'),
          ...turn,
        ]
        assert.deepEqual(marks, expected)
      }),
      { numRuns: 100 },
    )
  })
})
