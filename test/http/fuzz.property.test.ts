/** Generated requests to every route that takes JSON: whatever comes, the answer is in the contract and never a defect of the server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readOpenApi, type Schema } from '../../src/http/openapi-document.ts'
import { openTestApp, type TestAnswer, type TestApp } from '../support/http-app.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { bodyOf, damaged } from '../support/request-arbitrary.ts'

const document = await readOpenApi()
/** As the document has them, so that no new one is forgotten. */
const ROUTES = Object.entries(document.paths).flatMap(([url, { post }]): [string, Schema][] => {
  const schema = post?.requestBody?.content['application/json']?.schema
  return schema ? [[url, schema]] : []
})
/** Nothing is stored here: each commit would wait for the disk. */
const options = {
  maxBodyBytes: 1 << 24,
  keeping: { quotas: { maxBytes: 0, maxTenantBytes: 0, maxResponses: 0 } },
}
const headers = { 'content-type': 'application/json' }

/** Of either envelope. */
function failureOf({ json }: TestAnswer): { code: string; param: string | null; message: string } {
  const { message, code, param, details } = json.error
  return { message, code: code ?? details.error_code, param: param ?? details?.param ?? null }
}

/** A request that is right is answered, and nothing of those before is left behind. */
async function isAlive(app: TestApp): Promise<void> {
  assert.equal((await app.chat({})).status, 200)
  assert.equal(app.service.running, 0)
  const lines = app.log.map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.filter(({ level }) => level !== 'info' && level !== 'debug'),
    [],
  )
}

test('every route that takes JSON is tried', () => {
  const urls = ROUTES.map(([url]) => url)
  for (const url of ['chat/completions', 'completions', 'messages', 'responses', 'embeddings'])
    assert.ok(urls.includes(`/v1/${url}`), url)
  assert.ok(urls.length >= 10)
})

for (const [url, schema] of ROUTES) {
  const bodies = bodyOf(document, schema)

  test(`${url}: a request made from the schema gets an answer, or a field by name`, async (t) => {
    await using app = await openTestApp(options)
    const seen = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const named = { ...(body as object), model: 'echo' }
        const payload = JSON.stringify('model' in (body as object) ? named : body)
        const answer = await app.request('POST', url, { payload, headers })
        const { code, param } =
          answer.status === 200 ? { code: 'ok', param: undefined } : failureOf(answer)
        assert.match(code, EXPECTED, answer.body)
        if (code !== 'ok') assert.ok(param, answer.body)
        seen.set(code, (seen.get(code) ?? 0) + 1)
      }),
      { ...propertyRuns(100, t, 0.02), endOnFailure: true },
    )
    assert.ok(['ok', 'unsupported_parameter', 'not_found'].some((code) => seen.has(code)))
    await isAlive(app)
  })

  test(`${url}: damaged requests get a 4xx that says where, and never a 5xx`, async (t) => {
    await using app = await openTestApp(options)
    await fc.assert(
      fc.asyncProperty(damaged(bodies), async (body) => {
        const payload = JSON.stringify(body) ?? ''
        const answer = await app.request('POST', url, { payload, headers })
        assert.ok(answer.status < 500, `${answer.status} ${answer.body}`)
        if (answer.status < 400) return
        const { message, param, code } = failureOf(answer)
        assert.ok(message.length < 1000 && (param ?? '').length < 600, message)
        // Without a field the body as a whole is at fault, and the message says so.
        assert.ok(param !== null || message.startsWith('the body: '), `${code} ${message}`)
        assert.ok(param === null || message.includes(param) || code === 'model_not_found', message)
      }),
      { ...propertyRuns(200, t, 0.1), endOnFailure: true },
    )
    await isAlive(app)
  })
}

const EXPECTED =
  /^(ok|unsupported_parameter|invalid_request|not_found|previous_response_not_found|thread_unsupported_request)$/

test('damaged bytes are never a 5xx either', async (t) => {
  await using app = await openTestApp()
  const valid = Buffer.from('{"model":"echo","messages":[{"role":"user","content":"grüß"}]}')
  const place = fc.nat(valid.length - 1)
  await fc.assert(
    fc.asyncProperty(place, fc.nat(255), place, async (at, byte, length) => {
      const payload = Buffer.from(valid)
      payload[at] = byte
      const cut = length % 3 ? payload : payload.subarray(0, length)
      const { status } = await app.request('POST', '/v1/chat/completions', {
        payload: cut,
        headers,
      })
      assert.ok(status < 500)
    }),
    { ...propertyRuns(300, t, 0.1) },
  )
})

test('nesting beyond all reason is refused, not crashed on', async () => {
  await using app = await openTestApp(options)
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
