/** `/v1/responses` of a server with the starter, asked by what others wrote. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createOpenAI } from '@ai-sdk/openai'
import { HumanMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { generateText, streamText } from 'ai'
import OpenAI, { BadRequestError, NotFoundError } from 'openai'
import { ResponsesWS } from 'openai/resources/responses/ws'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { pictureUri, startTestServer } from '../support/server.ts'

const QUESTION = 'what color is the circle?'
const model = 'starter'

describe('/v1/responses, asked by', () => {
  let server: RunningServer
  let checked: CheckedFetch
  let picture: string
  before(async () => {
    server = await startTestServer()
    checked = await createCheckedFetch()
    picture = await pictureUri('red-circle-blue-square.png')
  })
  after(async () => {
    await checked.verify()
    await server.close()
  })

  describe('the official client', () => {
    let client: OpenAI
    const input = () => [
      {
        role: 'user' as const,
        content: [
          { type: 'input_text' as const, text: QUESTION },
          { type: 'input_image' as const, image_url: picture, detail: 'auto' as const },
        ],
      },
    ]
    before(() => {
      const baseURL = `${server.url}/v1`
      client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0, fetch: checked.fetch })
    })

    it('creates, goes on with the picture, retrieves, lists and deletes', async () => {
      const first = await client.responses.create({ model, input: input(), temperature: 0 })
      assert.equal(first.output_text, 'red')
      const second = await client.responses.create({
        ...{ model, previous_response_id: first.id, temperature: 0 },
        input: 'what color is the square?',
      })
      assert.equal(second.output_text, 'blue')
      assert.ok(second.usage!.input_tokens_details.cached_tokens > 0, 'the prefix is known')
      const found = await client.responses.retrieve(second.id)
      assert.deepEqual(found.output, second.output)
      const items = []
      for await (const item of client.responses.inputItems.list(first.id, { limit: 1 }))
        items.push(item)
      assert.equal(items.length, 1)
      const { input_tokens: tokens } = await client.responses.inputTokens.count({
        ...{ model, previous_response_id: first.id, input: 'what color is the square?' },
      })
      assert.equal(tokens, second.usage!.input_tokens)
      await client.responses.delete(first.id)
      await assert.rejects(client.responses.retrieve(first.id), NotFoundError)
      const long = { model, input: 'a', max_output_tokens: 1e6 }
      await assert.rejects(client.responses.create(long), {
        ...{ status: 400, code: 'context_length_exceeded', param: 'input' },
      })
      const call = { type: 'function_call' as const, call_id: 'c', name: 'f', arguments: '{}' }
      await assert.rejects(client.responses.create({ model, input: [call, call] }), {
        ...{ status: 400, code: 'invalid_request', param: 'input[1].call_id' },
      })
      const tooMuch = client.responses.inputTokens.count({ model, input: 'a'.repeat(1e6) })
      await assert.rejects(tooMuch, { code: 'context_length_exceeded', param: 'input' })
      const gap = client.responses.create({ model, previous_response_id: second.id, input: 'a' })
      await assert.rejects(gap, { status: 400, code: 'previous_response_not_found' })
    })

    it('streams, by events and by its helper', async () => {
      const types: string[] = []
      const events = await client.responses.create({ model, input: input(), stream: true })
      for await (const event of events) types.push(event.type)
      assert.equal(types[0], 'response.created')
      assert.equal(types.at(-1), 'response.completed')
      const stream = client.responses.stream({ model, input: input(), temperature: 0 })
      let text = ''
      stream.on('response.output_text.delta', ({ delta }) => {
        text += delta
      })
      const final = await stream.finalResponse()
      assert.deepEqual([text, final.output_text, final.status], ['red', 'red', 'completed'])
    })

    it('goes on over a WebSocket, with the picture, without anything being stored', async () => {
      const socket = new ResponsesWS(client)
      const ask = async (event: object): Promise<OpenAI.Responses.Response> => {
        const ended = new Promise<OpenAI.Responses.Response>((resolve, reject) => {
          socket.once('response.completed', ({ response }) => resolve(response))
          socket.once('error', reject)
        })
        socket.send({
          ...{ type: 'response.create', model, store: false, temperature: 0, ...event },
        })
        return await ended
      }
      const said = ({ output }: OpenAI.Responses.Response) =>
        output.flatMap((item) =>
          item.type === 'message' && item.content[0]?.type === 'output_text'
            ? [item.content[0].text]
            : [],
        )
      const first = await ask({ input: input() })
      assert.deepEqual(said(first), ['red'])
      const second = await ask({
        ...{ previous_response_id: first.id, input: 'what color is the square?' },
      })
      assert.deepEqual(said(second), ['blue'])
      assert.ok(second.usage!.input_tokens_details.cached_tokens > 0, 'the prefix is known')
      socket.close()
      await assert.rejects(client.responses.retrieve(second.id), NotFoundError)
    })

    it('makes a conversation that fills the context short, and says what it left out', async () => {
      const turns = (count: number) =>
        Array.from({ length: count }, (_, i) => ({
          role: 'user' as const,
          content: `${i} ${'circle '.repeat(60)}`,
        }))
      const fits = async (count: number) => {
        const asked = { model, input: [...turns(count), ...input()], max_output_tokens: 16 }
        const { status } = await client.responses.create(asked).catch((error) => error)
        return status === 'completed' || status === 'incomplete'
      }
      let full = 1
      while (await fits(full * 2)) full *= 2
      const conversation = [...turns(full * 2), ...input()]
      const made = await client.responses.compact({ model, input: conversation })
      const { aerie } = made as unknown as { aerie: { dropped_items: number } }
      assert.ok(aerie.dropped_items > 0)
      const { output } = made
      assert.equal(output.length, conversation.length - aerie.dropped_items + 1)
      const short = await client.responses.compact({ model, input: input() })
      assert.equal('aerie' in short, false)
      const next = await client.responses.create({
        model,
        input: [output.at(-2), output.at(-1), ...input()] as OpenAI.Responses.ResponseInput,
      })
      assert.equal(next.output_text, 'red')
    })

    it('goes on from a compacted conversation, whose picture is still there', async () => {
      const { output, usage } = await client.responses.compact({ model, input: input() })
      assert.deepEqual(
        output.map(({ type }) => type),
        ['message', 'compaction'],
      )
      assert.ok(usage.output_tokens > 0)
      const next = await client.responses.create({
        ...{ model, temperature: 0, store: false },
        // Types of output and input differ, though what comes back is meant to be sent again.
        input: [...output, { role: 'user', content: 'what color is the square?' }] as never,
      })
      assert.equal(next.status, 'completed')
      assert.ok(next.usage!.input_tokens > usage.output_tokens)
    })

    it('leaves one in the background, polls it, takes up its stream, and cancels another', async () => {
      const made = await client.responses.create({
        ...{ model, input: input(), background: true, stream: true, temperature: 0 },
      })
      let id = ''
      for await (const event of made) {
        if (event.type !== 'response.created') continue
        id = event.response.id
        break
      }
      const rest = await client.responses.retrieve(id, { stream: true, starting_after: 1 })
      const last = []
      for await (const event of rest) last.push(event)
      assert.equal(last[0]!.sequence_number, 2)
      assert.equal((await client.responses.retrieve(id)).output_text, 'red')
      const other = await client.responses.create({ model, input: input(), background: true })
      const { status } = await client.responses.cancel(other.id)
      assert.ok(status === 'cancelled' || status === 'completed', String(status))
    })

    it('gets errors as it knows them', async () => {
      const wrong = client.responses.create({ model, input: 'a', conversation: 'c' })
      await assert.rejects(wrong, (error) => {
        assert.ok(error instanceof BadRequestError)
        assert.deepEqual([error.code, error.param], ['unsupported_parameter', 'conversation'])
        return true
      })
      await assert.rejects(client.responses.compact({ model: 'gpt-5' as never }), BadRequestError)
    })
  })

  describe('the AI SDK', () => {
    const starter = () =>
      createOpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', fetch: checked.fetch })(model)
    const content = () => [
      { type: 'text' as const, text: QUESTION },
      { type: 'image' as const, image: picture },
    ]

    it('generates, and sends back what it was told by reference', async () => {
      const messages = [{ role: 'user' as const, content: content() }]
      const first = await generateText({ model: starter(), messages, temperature: 0 })
      assert.deepEqual([first.text, first.finishReason], ['red', 'stop'])
      const second = await generateText({
        model: starter(),
        temperature: 0,
        messages: [
          ...messages,
          ...first.response.messages,
          { role: 'user', content: 'what color is the square?' },
        ],
      })
      assert.equal(second.text, 'blue')
    })

    it('streams', async () => {
      const messages = [{ role: 'user' as const, content: content() }]
      const result = streamText({ model: starter(), messages, temperature: 0 })
      let text = ''
      for await (const delta of result.textStream) text += delta
      assert.equal(text, 'red')
      assert.ok((await result.usage).inputTokens! > 100)
    })
  })

  it('LangChain', async () => {
    const configuration = { baseURL: `${server.url}/v1`, fetch: checked.fetch }
    const chat = new ChatOpenAI({
      ...{ model, apiKey: 'none', temperature: 0, useResponsesApi: true, configuration },
    })
    const message = new HumanMessage({
      content: [
        { type: 'text', text: QUESTION },
        { type: 'image_url', image_url: { url: picture } },
      ],
    })
    assert.equal((await chat.invoke([message])).text, 'red')
    let text = ''
    for await (const chunk of await chat.stream([message])) text += chunk.text
    assert.equal(text, 'red')
  })
})
