/** `/v1/responses/compact`: what comes back, what goes on from it, and what is no summary. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import OpenAI from 'openai'
import { openTestApp, type TestApp } from '../../support/http-app.ts'
import { ask, assertFails, PICTURE, textOf, WEATHER } from '../../support/responses.ts'
import { finish, ScriptedChat, text } from '../../support/scripted-chat.ts'

const compact = (app: TestApp, body: object) =>
  app.request('POST', '/v1/responses/compact', { payload: { model: 'echo', ...body } })

const TALK = [
  { role: 'system', content: 'be kind' },
  { role: 'user', content: [{ type: 'input_image', image_url: PICTURE }] },
  { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{}' },
  { type: 'function_call_output', call_id: 'call_1', output: 'rain' },
  { role: 'assistant', content: 'a dog in the rain' },
  { role: 'user', content: 'and now?' },
]

describe('a conversation that is compacted', () => {
  it("is the user's messages as they were, and one item for all the rest", async () => {
    await using app = await openTestApp()
    const { status, json } = await compact(app, { input: TALK, prompt_cache_key: 'k' })
    assert.deepEqual([status, json.object], [200, 'response.compaction'])
    const [picture, question, summary, ...more] = json.output
    assert.deepEqual(
      [picture.role, picture.content, question.content[0].text, more],
      ['user', [{ type: 'input_image', image_url: PICTURE, detail: 'auto' }], 'and now?', []],
    )
    assert.deepEqual([summary.type, summary.id.slice(0, 4)], ['compaction', 'cmp_'])
    const [request] = app.service.requests
    assert.deepEqual(
      request!.messages.map(({ role }) => role),
      ['system', 'user', 'assistant', 'tool', 'assistant', 'user', 'user'],
    )
    assert.deepEqual([request!.maxTokens, request!.cacheKey], [1024, 'k'])
    assert.equal(json.usage.output_tokens > 0, true)
    assert.equal((await app.request('GET', `/v1/responses/${json.id}`)).status, 404, 'not stored')
    assert.equal(app.responses.stats().created, 0)
  })

  it('is gone on from as if it had been said, in a response that may itself be gone on from', async () => {
    const chat = new ScriptedChat([text('they met a dog'), finish('stop')])
    await using app = await openTestApp({ chat })
    const { json } = await compact(app, { input: TALK })
    const next = await ask(app, { input: [...json.output, { role: 'user', content: 'on' }] })
    assert.equal(next.status, 200)
    const after = await ask(app, { input: 'more', previous_response_id: next.json.id })
    assert.equal(after.status, 200)
    const seen = chat.requests.at(-1)!.messages.map(({ role, content }) => {
      const [part] = content
      return [role, part?.type === 'text' ? part.text : part?.type]
    })
    assert.deepEqual(seen.slice(0, 4), [
      ['user', 'image'],
      ['user', 'and now?'],
      ['assistant', 'Summary of the conversation so far:\nthey met a dog'],
      ['user', 'on'],
    ])
    const items = await app.request('GET', `/v1/responses/${next.json.id}/input_items?order=asc`)
    assert.deepEqual(items.json.data.slice(0, 3), json.output)
  })

  it('may be one that is stored', async () => {
    await using app = await openTestApp()
    const first = await ask(app, { input: 'one' })
    const { json } = await compact(app, { previous_response_id: first.json.id, input: 'two' })
    assert.deepEqual(
      json.output.slice(0, 2).map((item: { content: { text: string }[] }) => item.content[0]!.text),
      ['one', 'two'],
    )
    const alone = await compact(app, { previous_response_id: first.json.id })
    assert.equal(alone.json.output.length, 2)
  })

  it('is what the official client gets, and sends back as it came', async () => {
    await using app = await openTestApp()
    const client = new OpenAI({ baseURL: `${await app.listen()}/v1`, apiKey: 'any' })
    const made = await client.responses.compact({ model: 'echo', input: 'remember 7' })
    const input = [...made.output, { role: 'user', content: 'which?' }]
    const next = await client.responses.create({
      model: 'echo',
      input: input as OpenAI.Responses.ResponseInput,
    })
    assert.equal(next.output_text, 'which?')
  })

  it('is refused by the name of what is wrong', async () => {
    await using app = await openTestApp()
    assertFails(await compact(app, {}), 400, 'invalid_request', 'input')
    assertFails(await compact(app, { model: 'x', input: 'a' }), 404, 'model_not_found', 'model')
    assertFails(
      await compact(app, { input: 'a', tools: [WEATHER] }),
      400,
      'unknown_parameter',
      'tools',
    )
    const gone = await compact(app, { previous_response_id: 'resp_1' })
    assertFails(gone, 400, 'previous_response_not_found', 'previous_response_id')
    const item = { type: 'compaction', encrypted_content: 'gAAAAABo' }
    const foreign = await ask(app, { input: [item, { role: 'user', content: 'on' }] })
    assertFails(foreign, 400, 'invalid_request', 'input[0].encrypted_content')
    assert.doesNotMatch(foreign.body, /gAAAA/)
  })

  it('is not taken for one that says nothing', async () => {
    await using app = await openTestApp({ chat: new ScriptedChat([text(' '), finish('stop')]) })
    assertFails(await compact(app, { input: 'a' }), 500, 'backend_failure', null)
  })

  it('goes to the one who asks by its text alone', async () => {
    await using app = await openTestApp()
    const { json } = await compact(app, { input: 'a' })
    assert.equal(
      textOf(await ask(app, { input: [...json.output, { role: 'user', content: 'b' }] })),
      'b',
    )
  })
})
