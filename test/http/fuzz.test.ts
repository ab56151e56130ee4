/** Generated requests: whatever comes, the answer is in the contract and never a defect of the server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readOpenApi } from '../../src/http/openapi-document.ts'
import { openTestApp } from '../support/http-app.ts'
import { bodyOf, damaged } from '../support/request-arbitrary.ts'

const document = await readOpenApi()
const ROUTES = [
  ['/v1/chat/completions', 'ChatCompletionRequest'],
  ['/v1/completions', 'CompletionRequest'],
  ['/v1/tokenize', 'TokenizeRequest'],
  ['/v1/detokenize', 'DetokenizeRequest'],
  ['/v1/responses', 'ResponseCreateRequest'],
] as const
/** Nothing is stored here: each commit would wait for the disk. */
const keeping = { quotas: { maxBytes: 0, maxTenantBytes: 0, maxResponses: 0 } }

for (const [url, name] of ROUTES) {
  const bodies = bodyOf(document, { $ref: `#/components/schemas/${name}` })

  test(`${url}: a request made from the schema gets an answer, or a field by name`, async () => {
    await using app = await openTestApp({ maxBodyBytes: 1 << 24, keeping })
    const seen = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const named = { ...(body as object), model: 'echo' }
        const answer = await app.request('POST', url, { payload: named })
        const code = answer.status === 200 ? 'ok' : answer.json.error.code
        assert.match(code, /^(ok|unsupported_parameter|invalid_request|not_found)$/, answer.body)
        if (code !== 'ok') assert.ok(answer.json.error.param)
        seen.set(code, (seen.get(code) ?? 0) + 1)
      }),
      { numRuns: 200, endOnFailure: true },
    )
    assert.ok(seen.has('ok') || seen.has('unsupported_parameter'))
  })

  test(`${url}: a thousand damaged requests, and never a 5xx`, async () => {
    await using app = await openTestApp({ maxBodyBytes: 1 << 24, keeping })
    await fc.assert(
      fc.asyncProperty(damaged(bodies), async (body) => {
        const payload = JSON.stringify(body) ?? ''
        const headers = { 'content-type': 'application/json' }
        const answer = await app.request('POST', url, { payload, headers })
        assert.ok(answer.status < 500, `${answer.status} ${answer.body}`)
        if (answer.status >= 400) {
          const { message, param } = answer.json.error
          assert.ok(message.length < 1000 && (param ?? '').length < 600, message)
        }
      }),
      { numRuns: 1000, endOnFailure: true },
    )
    assert.ok(app.log.every((line) => JSON.parse(line).level === 'info'))
  })
}

test('damaged bytes are never a 5xx either', async () => {
  await using app = await openTestApp()
  const valid = Buffer.from('{"model":"echo","messages":[{"role":"user","content":"grüß"}]}')
  const place = fc.nat(valid.length - 1)
  await fc.assert(
    fc.asyncProperty(place, fc.nat(255), place, async (at, byte, length) => {
      const payload = Buffer.from(valid)
      payload[at] = byte
      const cut = length % 3 ? payload : payload.subarray(0, length)
      const headers = { 'content-type': 'application/json' }
      const { status } = await app.request('POST', '/v1/chat/completions', {
        payload: cut,
        headers,
      })
      assert.ok(status < 500)
    }),
    { numRuns: 300 },
  )
})

test('nesting beyond all reason is refused, not crashed on', async () => {
  await using app = await openTestApp({ maxBodyBytes: 1 << 24, keeping })
  const headers = { 'content-type': 'application/json' }
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const deep = `${open.repeat(200_000)}1${close.repeat(200_000)}`
    for (const payload of [
      deep,
      `{"model":"echo","messages":${deep}}`,
      `{"model":"m","messages":[],"tools":[${deep}]}`,
    ]) {
      const answer = await app.request('POST', '/v1/chat/completions', { payload, headers })
      assert.ok(answer.status >= 400 && answer.status < 500, answer.body.slice(0, 200))
    }
  }
})
