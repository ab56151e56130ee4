import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import { openTestApp } from '../support/http-app.ts'

const SECRET = 'Erika-Mustermann-1964'

test('the log never has a word of a request, however it fails', async () => {
  const error = new AerieError('invalid_media', `cannot decode ${SECRET}`)
  await using app = await openTestApp()
  await using failing = await openTestApp({ echo: { failure: { afterTokens: 0, error } } })
  const say = { messages: [{ role: 'user', content: SECRET }] }
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${SECRET}` }
  await app.chat(say)
  await app.chat({ ...say, stream: true, aerie: { explain: true } })
  await app.chat({ ...say, temperature: SECRET })
  await app.chat({ ...say, [SECRET]: 1 })
  await app.chat({ ...say, model: SECRET })
  await app.chat({ ...say, metadata: { name: SECRET }, prompt_cache_key: SECRET })
  await app.request('POST', '/v1/chat/completions', { payload: `{"a": ${SECRET}`, headers })
  await app.request('GET', `/v1/models/${SECRET}?patient=${SECRET}`, { headers })
  await app.request('GET', `/${SECRET}`)
  await failing.chat(say)
  await failing.chat({ ...say, stream: true })
  const lines = [...app.log, ...failing.log]
  assert.ok(lines.length >= 11)
  assert.doesNotMatch(lines.join(''), new RegExp(SECRET))
})

test('a line says who, what, how it ended and how long it took', async () => {
  await using app = await openTestApp()
  await app.chat(
    { user: 'old', safety_identifier: 'user-7' },
    { 'x-request-id': 'trace-1', 'user-agent': 'test' },
  )
  const line = JSON.parse(app.log.at(-1)!)
  assert.equal(typeof line.ms, 'number')
  const { time, ms, ...rest } = line
  assert.deepEqual(rest, {
    level: 'info',
    requestId: 'trace-1',
    method: 'POST',
    route: '/v1/chat/completions',
    status: 200,
    code: 'ok',
    tenant: 'anonymous',
    // the first 16 digits of the SHA-256 of `user-7`
    endUser: '092081140b677b45',
    model: 'echo',
    promptTokens: 1,
    cachedTokens: 0,
    completionTokens: 1,
    msg: 'request',
  })
})
