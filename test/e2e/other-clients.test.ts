import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { HumanMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { generateText, isStepCount, jsonSchema, streamText, tool } from 'ai'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { pictureUri, startTestServer } from '../support/server.ts'

const run = promisify(execFile)
const COUNT = {
  type: 'object' as const,
  properties: { count: { type: 'integer' as const, minimum: 1, maximum: 9 } },
  required: ['count'],
  additionalProperties: false,
}
const QUESTION = 'what color is the circle?'

describe('other clients, each with a picture', () => {
  let server: RunningServer
  let picture: string
  let checked: CheckedFetch
  before(async () => {
    server = await startTestServer()
    checked = await createCheckedFetch()
    picture = await pictureUri('red-circle-blue-square.png')
  })
  after(() => server.close())

  describe('Vercel AI SDK', () => {
    const messages = () => [
      {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: QUESTION },
          { type: 'image' as const, image: picture },
        ],
      },
    ]
    const model = () =>
      createOpenAICompatible({
        name: 'aerie',
        baseURL: `${server.url}/v1`,
        includeUsage: true,
        fetch: checked.fetch,
      })('starter')

    it('generates', async () => {
      const result = await generateText({ model: model(), messages: messages(), temperature: 0 })
      assert.equal(result.text, 'red')
      assert.equal(result.finishReason, 'stop')
      assert.ok(result.usage.inputTokens! > 100)
    })

    it('streams', async () => {
      const result = streamText({ model: model(), messages: messages(), temperature: 0 })
      let text = ''
      for await (const delta of result.textStream) text += delta
      assert.equal(text, 'red')
      assert.ok((await result.usage).outputTokens! > 0)
    })

    const counting = (seen: number[]) => ({
      ...{ model: model(), prompt: 'count', temperature: 0 },
      tools: {
        tally: tool({
          description: 'Counts.',
          inputSchema: jsonSchema<{ count: number }>(COUNT),
          execute: async ({ count }) => {
            seen.push(count)
            return 'counted'
          },
        }),
      },
      toolChoice: { type: 'tool' as const, toolName: 'tally' as const },
      stopWhen: isStepCount(2),
    })

    it('runs a tool and goes on with what it gave', async () => {
      const seen: number[] = []
      const { steps } = await generateText(counting(seen))
      assert.equal(steps[0]!.finishReason, 'tool-calls')
      assert.equal(steps.length, 2)
      assert.equal(steps[0]!.toolResults[0]?.output, 'counted')
      assert.ok(seen.every((count) => count >= 1 && count <= 9))
    })

    it('runs a tool that was called in a stream', async () => {
      const seen: number[] = []
      const result = streamText({ ...counting(seen), stopWhen: isStepCount(1) })
      const kinds: string[] = []
      for await (const part of result.fullStream) kinds.push(part.type)
      assert.ok(kinds.includes('tool-input-delta'))
      assert.equal(await result.finishReason, 'tool-calls')
      assert.ok(seen.length >= 1)
    })
  })

  describe('LangChain', () => {
    const chat = () =>
      new ChatOpenAI({
        model: 'starter',
        apiKey: 'none',
        temperature: 0,
        maxRetries: 0,
        configuration: { baseURL: `${server.url}/v1`, fetch: checked.fetch },
      })
    const messages = () => [
      new HumanMessage({
        content: [
          { type: 'text', text: QUESTION },
          { type: 'image_url', image_url: { url: picture } },
        ],
      }),
    ]

    it('invokes', async () => {
      assert.equal((await chat().invoke(messages())).content, 'red')
    })

    it('gets the calls of tools that were bound', async () => {
      const tally = { name: 'tally', description: 'Counts.', parameters: COUNT }
      const bound = chat().bindTools([{ type: 'function', function: tally }], {
        ...{ tool_choice: 'tally', parallel_tool_calls: false },
      })
      const { tool_calls: calls = [] } = await bound.invoke('count')
      assert.deepEqual(
        calls.map(({ name }) => name),
        ['tally'],
      )
      const { count } = calls[0]!.args as { count: number }
      assert.ok(count >= 1 && count <= 9)
      const args: string[] = []
      for await (const chunk of await bound.stream('count')) {
        args.push(...(chunk.tool_call_chunks ?? []).map(({ args = '' }) => args))
      }
      assert.deepEqual(JSON.parse(args.join('')), { count })
    })

    it('streams', async () => {
      let text = ''
      for await (const chunk of await chat().stream(messages())) text += chunk.content
      assert.equal(text, 'red')
    })
  })

  it('were sent nothing that openapi.yaml does not allow', async () => {
    await checked.verify()
    assert.ok(checked.checked >= 4)
  })

  describe('curl', () => {
    const body = (stream: boolean) => ({
      model: 'starter',
      temperature: 0,
      stream,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: QUESTION },
            { type: 'image_url', image_url: { url: picture } },
          ],
        },
      ],
    })

    async function curl(json: unknown): Promise<string> {
      const folder = await mkdtemp(join(tmpdir(), 'aerie-curl-'))
      try {
        await writeFile(join(folder, 'body.json'), JSON.stringify(json))
        const url = `${server.url}/v1/chat/completions`
        const type = 'content-type: application/json'
        const file = `@${join(folder, 'body.json')}`
        return (await run('curl', ['-sS', '-N', url, '-H', type, '-d', file])).stdout
      } finally {
        await rm(folder, { recursive: true })
      }
    }

    it('gets JSON', async (t) => {
      if (!(await hasCurl())) return t.skip('curl is not installed')
      assert.equal(JSON.parse(await curl(body(false))).choices[0].message.content, 'red')
    })

    it('gets server-sent events that end with [DONE]', async (t) => {
      if (!(await hasCurl())) return t.skip('curl is not installed')
      const lines = (await curl(body(true))).split('\n').filter((line) => line.startsWith('data: '))
      assert.equal(lines.at(-1), 'data: [DONE]')
      const chunks = lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)))
      assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'red')
    })
  })
})

async function hasCurl(): Promise<boolean> {
  return run('curl', ['--version']).then(
    () => true,
    () => false,
  )
}
