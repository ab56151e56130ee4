/** Responses in the background: polled, streamed and taken up again, cancelled, bounded; over a chat room without a model. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { AerieError } from '../../../src/errors.ts'
import { openTestApp, type TestApp } from '../../support/http-app.ts'
import { eventData } from '../../support/response-checker.ts'
import { assertFails } from '../../support/responses.ts'

const ask = (app: TestApp, body: object) =>
  app.request('POST', '/v1/responses', {
    payload: { model: 'echo', input: 'one two three', background: true, ...body },
  })
const get = (app: TestApp, id: string, more = '') =>
  app.request('GET', `/v1/responses/${id}${more}`)
const isOver = (status: string) => status !== 'queued' && status !== 'in_progress'

async function ended(app: TestApp, id: string) {
  for (;;) {
    const { json } = await get(app, id)
    if (isOver(json.status)) return json
    await delay(5)
  }
}

const eventsOf = (body: string) =>
  eventData(body)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data))

it('comes at once and is generated though nobody waits', async () => {
  await using app = await openTestApp()
  const { status, json } = await ask(app, {})
  assert.deepEqual([status, json.status, json.background, json.output], [200, 'queued', true, []])
  const response = await ended(app, json.id)
  assert.deepEqual(
    [response.status, response.output[0].content[0].text],
    ['completed', 'one two three'],
  )
  const next = await ask(app, { background: false, previous_response_id: json.id })
  assert.equal(next.json.status, 'completed')
  assert.match(
    app.log.join(''),
    new RegExp(`"response":"${json.id}","status":"completed".*"completionTokens":3`),
  )
  const { body } = await app.app.inject('/metrics')
  assert.match(body, /aerie_background_total\{status="completed"\} 1/)
})

it('is followed and taken up again behind any event, also when it has ended', async () => {
  await using app = await openTestApp({ echo: { tokenDelayMs: 5 } })
  const { body } = await ask(app, { stream: true })
  const whole = eventsOf(body)
  assert.deepEqual(
    whole.slice(0, 3).map(({ type }) => type),
    ['response.created', 'response.queued', 'response.in_progress'],
  )
  assert.deepEqual(
    whole.map((event) => event.sequence_number),
    whole.map((_, i) => i),
  )
  const { id } = whole[0].response
  for (const after of [0, 4, whole.length - 1]) {
    const again = await get(app, id, `?stream=true&starting_after=${after}`)
    assert.deepEqual(eventsOf(again.body), whole.slice(after + 1))
  }
  assert.deepEqual(eventsOf((await get(app, id, '?stream=true')).body), whole)
  const unseen = await ask(app, { stream: false })
  await ended(app, unseen.json.id)
  const none = await get(app, unseen.json.id, '?stream=true')
  assertFails(none, 404, 'not_found', 'stream')
  assert.match(none.json.error.message, /it was made without stream/)
  const { json } = await get(app, id, '?starting_after=1')
  assert.equal(json.error.param, 'starting_after')
})

it('goes on when the client of its stream leaves, who finds the rest', async () => {
  await using app = await openTestApp({ echo: { tokenDelayMs: 5 } })
  const url = await app.listen()
  const leaving = new AbortController()
  const payload = { model: 'echo', input: 'a b c d e f g h', background: true, stream: true }
  const stream = await fetch(`${url}/v1/responses`, {
    ...{ method: 'POST', body: JSON.stringify(payload), signal: leaving.signal },
    headers: { 'content-type': 'application/json' },
  })
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  while (!seen.includes('output_text.delta')) seen += (await reader.read()).value
  leaving.abort()
  const [id] = /resp_[0-9a-f]{36}/.exec(seen)!
  const last = [...seen.matchAll(/"sequence_number":(\d+)/g)].at(-1)![1]
  const rest = eventsOf((await get(app, id, `?stream=true&starting_after=${last}`)).body)
  assert.equal(rest[0].sequence_number, Number(last) + 1)
  assert.equal(rest.at(-1).response.output[0].content[0].text, 'a b c d e f g h')
})

it('is cancelled, while it runs and while it waits, and stays so', async () => {
  await using app = await openTestApp({ echo: { tokenDelayMs: 10 } })
  const input = 'word '.repeat(500)
  const asked = await Promise.all([1, 2, 3].map(() => ask(app, { input })))
  const ids = asked.map(({ json }) => json.id as string)
  while (app.service.running < 2) await delay(5)
  const states = await Promise.all(ids.map(async (id) => (await get(app, id)).json.status))
  assert.equal(states.filter((status) => status === 'queued').length, 1, 'two at a time')
  for (const id of ids) {
    const { status, json } = await app.request('POST', `/v1/responses/${id}/cancel`)
    assert.deepEqual([status, json.status], [200, 'cancelled'])
  }
  assert.equal(app.service.running, 0)
  const again = await app.request('POST', `/v1/responses/${ids[0]}/cancel`)
  assert.equal(again.json.status, 'cancelled')
  const live = await ask(app, { background: false, input: 'a' })
  const { json } = await app.request('POST', `/v1/responses/${live.json.id}/cancel`)
  assert.deepEqual([json.error.code, json.error.param], ['invalid_request', 'response_id'])
})

it('is deleted while it runs, and its stream ends', async () => {
  await using app = await openTestApp({ echo: { tokenDelayMs: 10 } })
  const { json } = await ask(app, { input: 'word '.repeat(500) })
  while (app.service.running === 0) await delay(5)
  assert.equal((await app.request('DELETE', `/v1/responses/${json.id}`)).status, 200)
  while (app.service.running > 0) await delay(5)
  assert.equal((await get(app, json.id)).status, 404)
})

it('waits for an engine that is full, however long', async () => {
  await using app = await openTestApp({ echo: { maxRunning: 1, tokenDelayMs: 20 } })
  const busy = app.chat({ messages: [{ role: 'user', content: 'word '.repeat(20) }] })
  while (app.service.running === 0) await delay(5)
  const { json } = await ask(app, {})
  assert.equal((await ended(app, json.id)).status, 'completed')
  assert.equal((await busy).status, 200)
})

it('fails with what went wrong, and says so in its stream', async () => {
  const error = new AerieError('backend_failure', 'the runtime failed')
  await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
  const { body } = await ask(app, { stream: true })
  const [told, last] = eventsOf(body).slice(-2)
  assert.deepEqual(
    [told.type, told.code, last.type],
    ['error', 'backend_failure', 'response.failed'],
  )
  const response = await ended(app, last.response.id)
  assert.deepEqual([response.status, response.error.code], ['failed', 'backend_failure'])
  const { status, json } = await ask(app, { model: 'nothing' })
  assert.deepEqual([status, json.error.code], [404, 'model_not_found'], 'said at once')
})

it('is refused where as many wait as may, and runs are bounded in the events they keep', async () => {
  const background = { maxRuns: 2, concurrency: 1, maxEventBytes: 5000 }
  await using app = await openTestApp({ echo: { tokenDelayMs: 2 }, background })
  const first = await ask(app, { input: 'word '.repeat(100) })
  const second = await ask(app, {})
  const third = await ask(app, {})
  assert.deepEqual([third.status, third.json.error.param], [429, 'background'])
  assert.ok(third.headers['retry-after'])
  await Promise.all([first, second].map(({ json }) => ended(app, json.id)))
  const streamed = await ask(app, { stream: true, input: 'word '.repeat(100) })
  assert.match(streamed.body, /"code":"not_found".*"param":"stream"/)
  const { id } = eventsOf(streamed.body)[0].response
  assert.equal((await ended(app, id)).status, 'completed')
  const gone = await get(app, id, '?stream=true')
  assert.deepEqual([gone.status, gone.json.error.param], [404, 'stream'])
  assert.ok(app.app.backgroundStats().eventBytes <= 5000)
})

it('is finished while the server drains, and what waits fails', async () => {
  await using app = await openTestApp({ echo: { tokenDelayMs: 5 } })
  const asked = await Promise.all([1, 2, 3].map(() => ask(app, { input: 'word '.repeat(50) })))
  while (app.service.running < 2) await delay(5)
  await app.app.drain()
  const stored = await Promise.all(
    asked.map(async ({ json }) => (await app.responses.find('anonymous', json.id))!.status),
  )
  assert.deepEqual(stored.sort(), ['completed', 'completed', 'failed'])
})
