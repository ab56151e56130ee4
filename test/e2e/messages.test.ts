/** `/v1/messages` of a whole server with the starter: pictures, documents, files, stop sequences, the context's end. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI, { toFile } from 'openai'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { startTestServer } from '../support/server.ts'

const PICTURES = new URL('../../docs/pictures/', import.meta.url)
const DOCUMENTS = new URL('../fixtures/documents/', import.meta.url)

describe('/v1/messages', () => {
  let server: RunningServer
  let client: Anthropic
  let openai: OpenAI
  let checked: CheckedFetch
  before(async () => {
    server = await startTestServer({ fetchAllowHttp: true, fetchAllowPrivateAddresses: true })
    checked = await createCheckedFetch()
    const options = { apiKey: 'none', maxRetries: 0 }
    client = new Anthropic({ baseURL: server.url, ...options, fetch: checked.fetch })
    openai = new OpenAI({ baseURL: `${server.url}/v1`, ...options })
  })
  after(() => server.close())

  const picture = async (name: string) => {
    const data = (await readFile(new URL(name, PICTURES))).toString('base64')
    return { type: 'base64', media_type: 'image/png', data } as const
  }
  const params = (content: Anthropic.MessageParam['content'], rest = {}) => ({
    ...{ model: 'starter', max_tokens: 100, temperature: 0 },
    messages: [{ role: 'user' as const, content }],
    ...rest,
  })
  const textOf = ({ content }: Anthropic.Message) =>
    content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('')
  const question = { type: 'text', text: 'what color is the circle?' } as const

  it('answers about a picture, as data and as a file, and counts what that costs', async () => {
    const name = 'red-circle-blue-square.png'
    const source = await picture(name)
    const asked = params([{ type: 'image', source }, question])
    const answer = await client.messages.create(asked)
    assert.equal(textOf(answer), 'red')
    assert.equal(answer.stop_reason, 'end_turn')
    const file = await openai.files.create({
      file: await toFile(readFile(new URL(name, PICTURES)), name),
      purpose: 'vision',
    })
    const byId = { type: 'image', source: { type: 'file', file_id: file.id } } as const
    assert.equal(textOf(await client.messages.create(params([byId, question]))), 'red')
    const { input_tokens } = await client.messages.countTokens({
      ...{ model: 'starter', messages: asked.messages },
    })
    const { usage } = answer
    assert.equal(usage.input_tokens + usage.cache_read_input_tokens!, input_tokens)
    assert.ok(input_tokens > 100)
  })

  it('calls the tool that it has to, with arguments of its schema, and keeps to a schema of the answer', async () => {
    const count = {
      name: 'count',
      input_schema: {
        type: 'object' as const,
        properties: { shape: { enum: ['circle', 'square'] }, number: { type: 'integer' } },
        required: ['shape', 'number'],
        additionalProperties: false,
      },
    }
    const asked = params('how many circles?', {
      tools: [count],
      tool_choice: { type: 'tool' as const, name: 'count' },
    })
    for (const message of [
      await client.messages.create(asked),
      await client.messages.stream(asked).finalMessage(),
    ]) {
      assert.equal(message.stop_reason, 'tool_use')
      const [call] = message.content
      assert.ok(call?.type === 'tool_use' && call.name === 'count')
      const { shape, number } = call.input as { shape: string; number: number }
      assert.ok(['circle', 'square'].includes(shape) && Number.isInteger(number))
    }
    const schema = { type: 'object', properties: { a: { enum: ['x', 'y'] } }, required: ['a'] }
    const format = {
      type: 'json_schema' as const,
      schema: { ...schema, additionalProperties: false },
    }
    const answer = await client.messages.create(params('hello', { output_config: { format } }))
    assert.ok(['x', 'y'].includes(JSON.parse(textOf(answer)).a))
  })

  it('streams what it answers at once', async () => {
    const asked = params([{ type: 'text', text: 'what can you do?' }])
    const whole = await client.messages.create(asked)
    const stream = client.messages.stream(asked)
    assert.equal(await stream.finalText(), textOf(whole))
    const message = await stream.finalMessage()
    assert.equal(message.usage.output_tokens, whole.usage.output_tokens)
    assert.equal(message.stop_reason, 'end_turn')
  })

  it('says which stop sequence ended the answer', async () => {
    const asked = params('what can you do?', { stop_sequences: ['zzz', 'small'] })
    const answer = await client.messages.create(asked)
    assert.deepEqual([answer.stop_reason, answer.stop_sequence], ['stop_sequence', 'small'])
    assert.ok(!textOf(answer).includes('small'))
    assert.equal(
      (await client.messages.create({ ...asked, max_tokens: 2 })).stop_reason,
      'max_tokens',
    )
  })

  it('reads documents as file parts are read, with their names', async () => {
    const data = (await readFile(new URL('report.pdf', DOCUMENTS))).toString('base64')
    const document = (rest: object) =>
      client.messages.countTokens({
        model: 'starter',
        messages: [
          {
            role: 'user',
            content: [{ type: 'document', ...rest } as Anthropic.DocumentBlockParam],
          },
        ],
      })
    const part = async (file: object) =>
      (
        await openai.post<{ tokens: number }>('/tokenize', {
          body: {
            model: 'starter',
            messages: [{ role: 'user', content: [{ type: 'file', file }] }],
          },
        })
      ).tokens
    const pdf = { type: 'base64', media_type: 'application/pdf', data }
    assert.deepEqual(await document({ source: pdf, title: 'a.pdf' }), {
      input_tokens: await part({
        file_data: `data:application/pdf;base64,${data}`,
        filename: 'a.pdf',
      }),
    })
    const web = createServer((_, response) => response.end(Buffer.from(data, 'base64')))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    const { port } = web.address() as AddressInfo
    try {
      const url = { type: 'url', url: `http://127.0.0.1:${port}/a.pdf` }
      assert.deepEqual(
        await document({ source: url }),
        await document({ source: pdf, title: 'a.pdf' }),
      )
      const nowhere = { source: { type: 'url', url: 'ftp://127.0.0.1/a.pdf' } }
      await assert.rejects(document(nowhere), (error) => {
        assert.ok(error instanceof Anthropic.BadRequestError)
        assert.match(error.message, /messages\[0\]\.content\[0\]\.source\.url: URLs of scheme ftp:/)
        return true
      })
    } finally {
      web.close()
    }
    const text = { type: 'text', media_type: 'text/plain', data: 'two red circles' }
    const encoded = Buffer.from(text.data).toString('base64')
    assert.deepEqual(await document({ source: text }), {
      input_tokens: await part({
        ...{ file_data: `data:text/plain;base64,${encoded}`, filename: 'document.txt' },
      }),
    })
  })

  it('finds the beginning of a prompt again, and says so', async () => {
    const asked = params(`what can you do? ${'one two three '.repeat(40)}`, { max_tokens: 1 })
    await client.messages.create(asked)
    const { usage } = await client.messages.create(asked)
    assert.ok(usage.cache_read_input_tokens! > 0)
    const { input_tokens } = await client.messages.countTokens({
      ...{ model: 'starter', messages: asked.messages },
    })
    assert.equal(usage.input_tokens + usage.cache_read_input_tokens!, input_tokens)
  })

  it('ends with the context where max_tokens is more, and refuses what leaves no room', async () => {
    const words = (n: number) => 'one '.repeat(n)
    const count = async (n: number) =>
      (await client.messages.countTokens({ model: 'starter', messages: params(words(n)).messages }))
        .input_tokens
    const models = await openai.models.retrieve('starter')
    const { aerie } = models as unknown as { aerie: { max_context: number; max_prompt: number } }
    const most = Math.min(aerie.max_context - 1, aerie.max_prompt)
    const overhead = (await count(200)) - 200
    const asked = params(words(most - overhead), { max_tokens: 20_000 })
    const { usage, stop_reason } = await client.messages.create(asked)
    const used = usage.input_tokens + usage.cache_read_input_tokens! + usage.output_tokens
    assert.ok(used <= aerie.max_context)
    assert.ok(['model_context_window_exceeded', 'end_turn'].includes(stop_reason!), stop_reason!)
    await assert.rejects(client.messages.create(params(words(most + 10))), (error) => {
      assert.ok(error instanceof Anthropic.BadRequestError)
      assert.equal(error.errorCode, 'context_length_exceeded')
      return true
    })
  })

  it('names the field of what cannot be seen', async () => {
    const cases: [Anthropic.ContentBlockParam, string, string][] = [
      [
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
        'invalid_media',
        'messages[0].content[0].source.data',
      ],
      [
        { type: 'image', source: { type: 'file', file_id: 'file-0' } },
        'not_found',
        'messages[0].content[0].source.file_id',
      ],
      [
        {
          type: 'document',
          source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' },
        },
        'invalid_media',
        'messages[0].content[0].source.data',
      ],
    ]
    for (const [block, code, param] of cases) {
      await assert.rejects(client.messages.create(params([block])), (error) => {
        assert.ok(error instanceof Anthropic.APIError)
        const details = error.details as unknown as { error_code: string; param: string }
        assert.deepEqual([details.error_code, details.param], [code, param])
        return true
      })
    }
  })

  it('names the field of a result, a call and a schema that do not fit', async () => {
    const schema = (more: object) => ({ type: 'object' as const, ...more })
    const use = { type: 'tool_use' as const, id: 'a', name: 'f', input: {} }
    const result = (id: string) => ({ type: 'tool_result' as const, tool_use_id: id, content: '1' })
    const turns = (...results: Anthropic.ContentBlockParam[]) => ({
      messages: [
        { role: 'user' as const, content: 'x' },
        { role: 'assistant' as const, content: [use] },
        { role: 'user' as const, content: results },
      ],
    })
    const tool = (more: object) => ({
      tools: [{ name: 'f', input_schema: schema(more) }],
      tool_choice: { type: 'any' as const },
    })
    const cases: [object, string, string][] = [
      [turns(result('zz')), 'invalid_request', 'messages[2].content[0].tool_use_id'],
      [turns(result('a'), result('a')), 'invalid_request', 'messages[2].content[1].tool_use_id'],
      [turns({ type: 'text', text: 'x' }), 'invalid_request', 'messages[1].content[0]'],
      [
        tool({ properties: { a: { $dynamicRef: '#x' } } }),
        'unsupported_parameter',
        'tools[0].input_schema.properties.a.$dynamicRef',
      ],
    ]
    for (const [rest, code, param] of cases) {
      await assert.rejects(client.messages.create({ ...params('x'), ...rest }), (error) => {
        assert.ok(error instanceof Anthropic.APIError)
        const details = error.details as unknown as { error_code: string; param: string }
        assert.deepEqual([details.error_code, details.param], [code, param])
        return true
      })
    }
  })

  it('kept to the contract in every answer of these tests', async () => {
    await checked.verify()
    assert.ok(checked.checked > 15)
  })
})
