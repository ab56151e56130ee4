/** `/v1/messages` at the edge: failures in Anthropic's envelope, keys and limits in its headers. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AerieError, type ErrorCode } from '../../src/errors.ts'
import { loadApiKeys } from '../../src/http/auth.ts'
import { RateLimits } from '../../src/limits/rate-limits.ts'
import { parseLimits } from '../../src/limits/rules.ts'
import { openTestApp } from '../support/http-app.ts'
import { askMessages } from '../support/messages.ts'

test('each code has a status and a type of Anthropic’s, and the same code as elsewhere', async () => {
  const cases: [ErrorCode, number, string][] = [
    ['invalid_media', 400, 'invalid_request_error'],
    ['model_not_found', 404, 'not_found_error'],
    ['queue_full', 529, 'overloaded_error'],
    ['not_ready', 503, 'overloaded_error'],
    ['deadline_exceeded', 504, 'timeout_error'],
    ['backend_failure', 500, 'api_error'],
  ]
  for (const [code, status, type] of cases) {
    const error = new AerieError(code, 'what was wrong', { param: 'model', retryAfterSeconds: 3 })
    await using app = await openTestApp({ echo: { failure: { afterTokens: 0, error } } })
    const answer = await askMessages(app, {})
    assert.equal(answer.status, status)
    assert.deepEqual(answer.json, {
      type: 'error',
      error: { type, message: 'what was wrong', details: { error_code: code, param: 'model' } },
      request_id: answer.headers['request-id'],
    })
    if (code === 'queue_full') assert.equal(answer.headers['retry-after'], '3')
  }
})

test('failures before the route speak so too; those of other routes do not', async () => {
  await using app = await openTestApp({ maxBodyBytes: 2000 })
  const send = (url: string, payload: string, type = 'application/json') =>
    app.request('POST', url, { payload, headers: { 'content-type': type } })
  const kinds = async (answer: ReturnType<typeof send>) => {
    const { status, json } = await answer
    return [status, json.error.type, json.error.details?.error_code]
  }
  assert.deepEqual(await kinds(send('/v1/messages', '{')), [
    ...[400, 'invalid_request_error', 'invalid_json'],
  ])
  assert.deepEqual(await kinds(send('/v1/messages', JSON.stringify({ a: 'x'.repeat(3000) }))), [
    ...[413, 'request_too_large', 'request_too_large'],
  ])
  assert.deepEqual(await kinds(send('/v1/messages', 'a=1', 'text/plain')), [
    ...[415, 'invalid_request_error', 'unsupported_media_type'],
  ])
  assert.deepEqual(await kinds(send('/v1/messages/batches', '{}')), [
    ...[404, 'not_found_error', 'not_found'],
  ])
  assert.deepEqual(await kinds(app.request('GET', '/v1/messages')), [
    ...[405, 'invalid_request_error', 'method_not_allowed'],
  ])
  assert.deepEqual(await kinds(send('/v1/messages?alpha=1', '{}')), [
    ...[400, 'invalid_request_error', 'unknown_parameter'],
  ])
  assert.deepEqual(await kinds(send('/v1/messagesque', '{}')), [
    ...[404, 'invalid_request_error', undefined],
  ])
})

test('the key may come as x-api-key, on every route', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'aerie-keys-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'keys'), 'radiology:secret-1\n')
  const apiKeys = await loadApiKeys(join(folder, 'keys'))
  await using app = await openTestApp({ apiKeys })
  const status = async (headers: Record<string, string>) =>
    (await askMessages(app, {}, headers)).status
  assert.equal(await status({ 'x-api-key': 'secret-1' }), 200)
  assert.equal(app.service.requests.at(-1)!.tenant, 'radiology')
  assert.equal(await status({ authorization: 'Bearer secret-1' }), 200)
  assert.equal(await status({ 'x-api-key': 'secret-2' }), 401)
  assert.equal(await status({ 'x-api-key': 'secret-1', authorization: 'Bearer no' }), 401)
  const { json } = await askMessages(app, {})
  assert.deepEqual([json.error.type, json.type], ['authentication_error', 'error'])
  assert.ok(!app.log.join('').includes('secret'))
  const models = await app.request('GET', '/v1/models', { headers: { 'x-api-key': 'secret-1' } })
  assert.equal(models.status, 200)
})

test('what is left of a key’s limits is told in Anthropic’s headers, beside those of other routes', async () => {
  const rule = { requestsPerMinute: 2, tokensPerMinute: 600 }
  const rules = parseLimits({ keys: { anonymous: rule } }, 'limits')
  const limits = new RateLimits({ rules, now: () => 0 })
  await using app = await openTestApp({ limits })
  const before = Date.now()
  const { headers } = await askMessages(app, {})
  const told = (kind: string) =>
    ['limit', 'remaining', 'reset'].map((what) => headers[`anthropic-ratelimit-${kind}-${what}`])
  const [limit, remaining, reset] = told('requests')
  assert.deepEqual([limit, remaining], ['2', '1'])
  // A request comes back every 30 s; in whole seconds, never too early.
  assert.ok(Date.parse(String(reset)) >= before + 30_000, String(reset))
  assert.match(String(reset), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.deepEqual(told('tokens').slice(0, 2), ['600', headers['x-ratelimit-remaining-tokens']])
  assert.equal(headers['x-ratelimit-limit-requests'], '2')
  const streamed = await askMessages(app, { stream: true })
  assert.equal(streamed.headers['anthropic-ratelimit-requests-remaining'], '0')
  const refused = await askMessages(app, {})
  assert.deepEqual(
    [refused.status, refused.json.error.type, refused.json.error.details.error_code],
    [429, 'rate_limit_error', 'rate_limit_exceeded'],
  )
  assert.equal(refused.headers['anthropic-ratelimit-requests-remaining'], '0')
  assert.equal(refused.headers['retry-after'], '30')
  const elsewhere = await app.chat({})
  assert.ok(!Object.keys(elsewhere.headers).some((name) => name.startsWith('anthropic-')))
})
