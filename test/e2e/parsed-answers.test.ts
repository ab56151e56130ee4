/** The official client's `parse` adds its own reading to an answer; conversations go on with that answer, as its guide has it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import OpenAI from 'openai'
import {
  zodFunction,
  zodResponseFormat,
  zodResponsesFunction,
  zodTextFormat,
} from 'openai/helpers/zod'
import type { ChatCompletionMessageParam } from 'openai/resources'
import type { ResponseInputItem } from 'openai/resources/responses/responses'
import { z } from 'zod'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { startTestServer } from '../support/server.ts'

const model = 'starter'
const PAINT = z.object({ color: z.enum(['red', 'blue']) })

describe('an answer that the official client has parsed', () => {
  let server: RunningServer
  let checked: CheckedFetch
  let client: OpenAI
  before(async () => {
    server = await startTestServer()
    checked = await createCheckedFetch()
    const baseURL = `${server.url}/v1`
    client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0, fetch: checked.fetch })
  })
  after(async () => {
    await checked.verify()
    await server.close()
  })

  /** Of a prompt whose answer is this message, with what the client made of it and without. */
  const promptTokens = (messages: ChatCompletionMessageParam[]) =>
    client.chat.completions
      .create({ model, messages, max_tokens: 1 })
      .then(({ usage }) => usage!.prompt_tokens)

  it('goes on in a chat, and the model reads the text alone', async () => {
    const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'what is red?' }]
    const response_format = zodResponseFormat(PAINT, 'paint')
    const { choices } = await client.chat.completions.parse({ model, messages, response_format })
    const { message } = choices[0]!
    assert.ok(message.parsed)
    const next: ChatCompletionMessageParam = { role: 'user', content: 'and?' }
    const { role, content } = message
    assert.equal(
      await promptTokens([...messages, message, next]),
      await promptTokens([...messages, { role, content }, next]),
    )
  })

  it('goes on in a chat with its calls', async () => {
    const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'paint' }]
    const { choices } = await client.chat.completions.parse({
      ...{ model, messages, tool_choice: 'required' },
      tools: [zodFunction({ name: 'paint', parameters: PAINT })],
    })
    const { message } = choices[0]!
    const calls = message.tool_calls!.filter((call) => call.type === 'function')
    assert.ok(calls.length > 0 && calls.length === message.tool_calls!.length)
    assert.ok(calls.every((call) => call.function.parsed_arguments !== null))
    const results = calls.map(({ id }) => ({
      ...{ role: 'tool' as const, tool_call_id: id, content: 'done' },
    }))
    const plain = calls.map(({ id, type, function: { name, arguments: text } }) => ({
      ...{ id, type, function: { name, arguments: text } },
    }))
    assert.equal(
      await promptTokens([...messages, message, ...results]),
      await promptTokens([...messages, { role: 'assistant', tool_calls: plain }, ...results]),
    )
  })

  it('goes on in items of a response, and is not kept with them', async () => {
    const user = (content: string) => ({ role: 'user' as const, content })
    const first = await client.responses.parse({
      ...{ model, input: 'what is red?', text: { format: zodTextFormat(PAINT, 'paint') } },
    })
    assert.ok(first.output_parsed)
    const input = [user('what is red?'), ...first.output, user('and?')] as ResponseInputItem[]
    const second = await client.responses.create({ model, input, max_output_tokens: 16 })
    const items = []
    for await (const item of client.responses.inputItems.list(second.id)) items.push(item)
    assert.equal(items.length, 3)
    assert.ok(!JSON.stringify(items).includes('parsed'))
  })

  it('goes on in items of a response with its calls', async () => {
    const first = await client.responses.parse({
      ...{ model, input: 'paint', tool_choice: 'required' },
      tools: [zodResponsesFunction({ name: 'paint', parameters: PAINT })],
    })
    const calls = first.output.filter((item) => item.type === 'function_call')
    assert.ok(calls.length > 0 && calls.every((call) => call.parsed_arguments !== null))
    const results = calls.map(({ call_id }) => ({
      ...{ type: 'function_call_output' as const, call_id, output: 'done' },
    }))
    const input = [...first.output, ...results] as ResponseInputItem[]
    const second = await client.responses.create({ model, input, max_output_tokens: 16 })
    assert.ok(second.output_text.length > 0 || second.output.length > 0)
    const items = []
    for await (const item of client.responses.inputItems.list(second.id)) items.push(item)
    assert.ok(!JSON.stringify(items).includes('parsed'))
  })
})
