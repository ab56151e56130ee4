/** Streams of responses: every step, and every way in which they end. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AerieError } from '../../../src/errors.ts'
import { openTestApp, type TestApp } from '../../support/http-app.ts'
import { ask, assertFails, eventsOf, get, until, WEATHER } from '../../support/responses.ts'
import { call, finish, ScriptedChat, text } from '../../support/scripted-chat.ts'

describe('a stream of a response', () => {
  it('tells of every step in its order, and is kept as it was told', async () => {
    const chat = new ScriptedChat([
      ...[text('a'), text(' b')],
      ...call(0, 'call_a', 'f', '{', '}'),
      ...call(1, 'call_b', 'g'),
      finish('tool-calls'),
    ])
    await using app = await openTestApp({ chat })
    const tools = [
      { ...WEATHER, name: 'f' },
      { type: 'function', name: 'g' },
    ]
    const { body } = await ask(app, { input: 'x', stream: true, tools })
    const events = eventsOf(body)
    assert.deepEqual(
      events.map(({ type }) => type.replace('response.', '')),
      [
        ...['created', 'in_progress', 'output_item.added', 'content_part.added'],
        ...['output_text.delta', 'output_text.delta', 'output_text.done', 'content_part.done'],
        ...['output_item.done', 'output_item.added', 'function_call_arguments.delta'],
        ...['function_call_arguments.delta', 'function_call_arguments.done', 'output_item.done'],
        ...['output_item.added', 'function_call_arguments.done', 'output_item.done', 'completed'],
      ],
    )
    assert.deepEqual(
      events.map((event) => event.sequence_number),
      events.map((_, i) => i),
    )
    const { response } = events.at(-1)!
    assert.deepEqual((await get(app, response.id)).json, response)
    assert.deepEqual(
      events.filter(({ type }) => type.endsWith('item.done')).map(({ item }) => item),
      response.output,
    )
  })

  it('that fails in the middle says so, raises in official clients, and is kept as failed', async () => {
    const error = new AerieError('backend_failure', 'the runtime failed')
    await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
    const { body } = await ask(app, { input: 'one two', stream: true })
    const events = eventsOf(body)
    const [told, last] = events.slice(-2)
    assert.deepEqual(
      [told!.type, told!['code'], told!['error'].code, last!.type],
      ['error', 'backend_failure', 'backend_failure', 'response.failed'],
    )
    const { response } = last!
    assert.deepEqual(response.error, { code: 'backend_failure', message: 'the runtime failed' })
    assert.deepEqual((await get(app, response.id)).json, response)
    const whole = await ask(app, { input: 'one two' })
    assertFails(whole, 500, 'backend_failure', null)
    const next = await ask(app, { input: 'a', previous_response_id: response.id })
    assertFails(next, 400, 'invalid_request', 'previous_response_id')
  })

  it('whose client leaves is cancelled, with what was said', async () => {
    await using app = await openTestApp({ echo: { tokenDelayMs: 10 } })
    const { id, leave } = await beginStream(app, 'word '.repeat(500))
    assert.equal((await get(app, id)).json.status, 'in_progress')
    leave()
    const { json } = await until(
      () => get(app, id),
      (answer) => answer.json.status !== 'in_progress',
    )
    assert.deepEqual([json.status, json.output[0].status], ['cancelled', 'incomplete'])
    assert.match(json.output[0].content[0].text, /^word/)
    assert.equal(app.service.aborted, 1)
  })

  it('ends when the response is deleted', async () => {
    await using app = await openTestApp({ echo: { tokenDelayMs: 10 } })
    const { id, rest } = await beginStream(app, 'word '.repeat(500))
    assert.equal((await app.request('DELETE', `/v1/responses/${id}`)).status, 200)
    const body = await rest()
    assert.match(body, /event: error\ndata: .*"code":"cancelled"/)
    assert.ok(body.endsWith('data: [DONE]\n\n'))
    assert.equal((await get(app, id)).status, 404)
  })
})

/** A stream of which something has come. */
async function beginStream(app: TestApp, input: string) {
  const url = await app.listen()
  const leaving = new AbortController()
  const stream = await fetch(`${url}/v1/responses`, {
    ...{ method: 'POST', body: JSON.stringify({ model: 'echo', input, stream: true }) },
    ...{ signal: leaving.signal, headers: { 'content-type': 'application/json' } },
  })
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  while (!seen.includes('output_text.delta')) seen += (await reader.read()).value
  const rest = async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) seen += next.value
    return seen
  }
  return { id: /resp_[0-9a-f]{36}/.exec(seen)![0], leave: () => leaving.abort(), rest }
}
