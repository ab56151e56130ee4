import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { HumanMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { generateObject, streamObject } from 'ai'
import OpenAI, { BadRequestError } from 'openai'
import { LengthFinishReasonError } from 'openai/core/error'
import { zodResponseFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import type { RunningServer } from '../../src/main.ts'
import { createCheckedFetch } from '../support/checked-fetch.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'

const Seen = z.object({
  color: z.enum(['red', 'green', 'blue']),
  shape: z.literal(['circle', 'square']),
  count: z.int().min(0).max(9),
})
const QUESTION = 'what color is the circle?'
/** The starter's words end by themselves within this. */
const ROOM = 200

describe('structured output', () => {
  let server: RunningServer
  let client: OpenAI
  let image: string
  let fetch: typeof globalThis.fetch
  before(async () => {
    server = await startTestServer()
    fetch = (await createCheckedFetch()).fetch
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0, fetch })
    image = await pictureUri('red-circle-blue-square.png')
  })
  after(() => server.close())

  const messages = () => [
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: QUESTION },
        { type: 'image_url' as const, image_url: { url: image } },
      ],
    },
  ]
  const body = (more: object) =>
    ({
      model: 'starter',
      messages: messages(),
      max_tokens: ROOM,
      ...more,
    }) as OpenAI.ChatCompletionCreateParamsNonStreaming
  const ask = async (more: object) => (await client.chat.completions.create(body(more))).choices[0]!
  const schemaOf = (schema: object, strict = true) => ({
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict, schema } },
  })

  it('parses into what zod describes, with the openai client and a picture', async () => {
    const { choices } = await client.chat.completions.parse({
      ...body({ temperature: 0 }),
      response_format: zodResponseFormat(Seen, 'seen'),
    })
    assert.equal(choices[0]!.finish_reason, 'stop')
    assert.deepEqual(Seen.parse(choices[0]!.message.parsed), choices[0]!.message.parsed)
  })

  it('streams what it would have said at once', async () => {
    const format = zodResponseFormat(Seen, 'seen')
    const whole = await ask({ temperature: 1, seed: 4, response_format: format })
    const stream = await client.chat.completions.create({
      ...body({ temperature: 1, seed: 4, response_format: format }),
      stream: true,
    })
    let text = ''
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    assert.equal(text, whole.message.content)
    assert.ok(Seen.parse(JSON.parse(text)))
  })

  it('gives objects to the AI SDK, whole and streamed', async () => {
    const provider = createOpenAICompatible({
      ...{ name: 'aerie', baseURL: `${server.url}/v1`, fetch },
      supportsStructuredOutputs: true,
    })
    const options = { model: provider('starter'), schema: Seen, prompt: QUESTION, temperature: 0 }
    const { object } = await generateObject(options)
    assert.deepEqual(Seen.parse(object), object)
    const stream = streamObject(options)
    for await (const part of stream.partialObjectStream) assert.ok(part)
    assert.deepEqual(await stream.object, object)
  })

  it('gives objects to LangChain', async () => {
    const model = new ChatOpenAI({
      ...{ model: 'starter', apiKey: 'none', temperature: 0, maxRetries: 0 },
      configuration: { baseURL: `${server.url}/v1`, fetch },
    }).withStructuredOutput(Seen, { method: 'jsonSchema', strict: true })
    const seen = await model.invoke([new HumanMessage(QUESTION)])
    assert.deepEqual(Seen.parse(seen), seen)
  })

  it('knows json_object, regular expressions, choices and grammars', async () => {
    const object = await ask({ response_format: { type: 'json_object' } })
    const value = JSON.parse(object.message.content!)
    assert.ok(typeof value === 'object' && !Array.isArray(value))
    const regex = await ask({ structured_outputs: { regex: '\\d{3}-[a-f]{2}' } })
    assert.match(regex.message.content!, /^\d{3}-[a-f]{2}$/)
    const choice = await ask({ structured_outputs: { choice: ['yes', 'no'] } })
    assert.ok(['yes', 'no'].includes(choice.message.content!))
    const grammar = 'root ::= "move " square " to " square\nsquare ::= [a-h] [1-8]'
    const move = await ask({ structured_outputs: { grammar } })
    assert.match(move.message.content!, /^move [a-h][1-8] to [a-h][1-8]$/)
    assert.equal(move.finish_reason, 'stop')
  })

  it('ends validly within the tokens that there are, and says that they were not enough', async () => {
    const schema = {
      type: 'object',
      properties: { text: { type: 'string', minLength: 10 } },
      required: ['text'],
    }
    const { message, finish_reason } = await ask({
      ...schemaOf(schema),
      max_tokens: 24,
      logit_bias: { 65: 1 },
    })
    assert.ok(JSON.parse(message.content!).text.length >= 10)
    assert.equal(finish_reason, 'length')
    const parsed = client.chat.completions.parse({
      ...body({ max_tokens: 24 }),
      response_format: zodResponseFormat(z.object({ text: z.string().min(10) }), 'long'),
    })
    await assert.rejects(parsed, LengthFinishReasonError)
    const steered = await metric(server.url, 'aerie_grammar_answers_steered_total')
    assert.ok(steered! >= 2)
  })

  const refused: readonly (readonly [
    what: string,
    more: object,
    param: string,
    message: RegExp,
  ])[] = [
    [
      'a keyword that is not supported',
      schemaOf({
        type: 'object',
        properties: { a: { type: 'string', contentEncoding: 'base64' } },
      }),
      'response_format.json_schema.schema.properties.a.contentEncoding',
      /the keyword is not supported/,
    ],
    [
      'items that have to differ',
      schemaOf({ type: 'array', items: {}, uniqueItems: true }),
      'response_format.json_schema.schema.uniqueItems',
      /not supported/,
    ],
    [
      'a format that is not known',
      schemaOf({ type: 'string', format: 'iban' }),
      'response_format.json_schema.schema.format',
      /"iban" is not supported; expected one of date, time/,
    ],
    [
      'a schema that nothing is valid under',
      schemaOf({ type: 'integer', minimum: 3, maximum: 2 }),
      'response_format.json_schema.schema',
      /no value is valid/,
    ],
    [
      'a type that is none',
      schemaOf({ type: 'text' }),
      'response_format.json_schema.schema.type',
      /expected one of string, number/,
    ],
    [
      'a reference to elsewhere',
      schemaOf({ $ref: 'https://example.com/schema.json' }),
      'response_format.json_schema.schema.$ref',
      /is not in this schema/,
    ],
    [
      'a regular expression that is none',
      { structured_outputs: { regex: 'a(b' } },
      'structured_outputs.regex',
      /a "\(" is not closed, at character 4/,
    ],
    [
      'a look-ahead',
      { structured_outputs: { regex: 'a(?=b)' } },
      'structured_outputs.regex',
      /look-around .* is not supported/,
    ],
    [
      'a grammar without a rule that it uses',
      { structured_outputs: { grammar: 'root ::= "a" more' } },
      'structured_outputs.grammar',
      /there is no rule "more", line 1, column 14/,
    ],
    [
      'a rule that begins with itself',
      { structured_outputs: { grammar: 'root ::= root "a" | "b"' } },
      'structured_outputs.grammar',
      /rule "root" begins with itself/,
    ],
    [
      'two at once',
      { structured_outputs: { regex: 'a', choice: ['b'] } },
      'structured_outputs',
      /exactly one/,
    ],
    [
      'both fields',
      { structured_outputs: { regex: 'a' }, response_format: { type: 'json_object' } },
      'structured_outputs',
      /got both/,
    ],
    [
      'a stop string beside it',
      { structured_outputs: { regex: 'a+' }, stop: 'aa' },
      'stop',
      /expected none/,
    ],
    ['the older spelling', { guided_regex: 'a' }, 'guided_regex', /use structured_outputs/],
    [
      'no schema',
      { response_format: { type: 'json_schema' } },
      'response_format.json_schema',
      /got none/,
    ],
  ]
  for (const [what, more, param, message] of refused) {
    it(`refuses ${what} by name`, async () => {
      await assert.rejects(client.chat.completions.create(body(more)), (error) => {
        assert.ok(error instanceof BadRequestError, String(error))
        assert.equal(error.param, param)
        assert.match(error.message, message)
        return true
      })
    })
  }

  it('goes on serving others while somebody sends what is too large', async () => {
    const huge = {
      structured_outputs: { regex: `(${'(a|b){100}'.repeat(50)}){100}|${'[^x]{9000}'.repeat(20)}` },
    }
    const large = client.chat.completions.create(body(huge)).then(
      () => 'answered',
      (error: unknown) => (error instanceof BadRequestError ? 'refused' : String(error)),
    )
    const { message } = await ask(schemaOf({ enum: ['fine'] }))
    assert.equal(message.content, '"fine"')
    assert.match(await large, /^(answered|refused)$/)
  })

  it('counts what it compiled and refused', async () => {
    const before = await metric(server.url, 'aerie_grammars_compiled_total')
    const schema = schemaOf({ enum: ['counted'] })
    await ask(schema)
    await ask(schema)
    assert.equal(await metric(server.url, 'aerie_grammars_compiled_total'), before! + 1)
    assert.ok((await metric(server.url, 'aerie_grammars_refused_total'))! >= 8)
  })
})
