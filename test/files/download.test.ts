/** What is handed out of a file, and how. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import fc from 'fast-check'
import { parseRange } from '../../src/http/byte-range.ts'
import { downloadHeaders } from '../../src/http/file-headers.ts'
import { FORM_TYPE, fileForm, formBody } from '../support/form.ts'
import { openTestApp } from '../support/http-app.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz'

async function openFile(filename = 'letters.txt') {
  const app = await openTestApp()
  const { json } = await app.request('POST', '/v1/files', {
    payload: formBody(fileForm(ALPHABET, { filename })),
    headers: { 'content-type': FORM_TYPE },
  })
  const url = `/v1/files/${json.id}/content`
  const get = (headers: Record<string, string> = {}) => app.request('GET', url, { headers })
  return { ...app, url, get, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() }
}

test('one range of bytes, as RFC 9110 has it', async () => {
  await using app = await openFile()
  const cases = [
    ['bytes=0-4', 'abcde', 'bytes 0-4/26'],
    ['bytes=20-', 'uvwxyz', 'bytes 20-25/26'],
    ['bytes=-3', 'xyz', 'bytes 23-25/26'],
    ['bytes=-100', ALPHABET, 'bytes 0-25/26'],
    ['bytes=25-999', 'z', 'bytes 25-25/26'],
  ] as const
  for (const [range, body, contentRange] of cases) {
    const answer = await app.get({ range })
    assert.equal(answer.status, 206, range)
    assert.equal(answer.body, body)
    assert.equal(answer.headers['content-range'], contentRange)
    assert.equal(Number(answer.headers['content-length']), body.length)
  }
  for (const range of ['bytes=5-1', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=-', 'bytes=a-b']) {
    const answer = await app.get({ range })
    assert.deepEqual([answer.status, answer.body], [200, ALPHABET], range)
  }
  for (const range of ['bytes=26-', 'bytes=-0', 'bytes=99-100']) {
    const answer = await app.get({ range })
    assert.equal(answer.status, 416, range)
    assert.equal(answer.headers['content-range'], 'bytes */26')
    assert.equal(answer.json.error.code, 'range_not_satisfiable')
  }
})

test('a range is the bytes that the numbers say, of any file', () => {
  const number = fc.option(fc.nat(300), { nil: undefined })
  fc.assert(
    fc.property(fc.nat(200), number, number, (bytes, first, last) => {
      const all = Array.from({ length: bytes }, (_, i) => i)
      const range = parseRange(`bytes=${first ?? ''}-${last ?? ''}`, bytes)
      const asked =
        first === undefined
          ? last === undefined || last === 0
            ? []
            : all.slice(-last)
          : all.slice(first, last === undefined ? undefined : last + 1)
      if (typeof range === 'object') {
        assert.deepEqual(all.slice(range.start, range.end + 1), asked)
        assert.ok(asked.length > 0 && range.end < bytes)
      } else assert.deepEqual(asked, [])
    }),
  )
})

test('a copy that is still right is not sent again, and one that is not is sent whole', async () => {
  await using app = await openFile()
  const { etag } = (await app.get()).headers as { etag: string }
  const same = await app.get({ 'if-none-match': `"x", W/${etag}` })
  assert.deepEqual([same.status, same.body], [304, ''])
  assert.equal((await app.get({ 'if-none-match': '"x"' })).status, 200)
  assert.equal((await app.get({ range: 'bytes=0-1', 'if-range': etag })).body, 'ab')
  assert.equal((await app.get({ range: 'bytes=0-1', 'if-range': '"old"' })).body, ALPHABET)
})

test('HEAD says how large it is and sends nothing', async () => {
  await using app = await openFile()
  const answer = await app.request('HEAD', app.url)
  assert.equal(answer.status, 200)
  assert.equal(answer.body, '')
  assert.equal(answer.headers['content-length'], '26')
  assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
})

describe('headers', () => {
  it('let no browser run what somebody uploaded', async () => {
    await using app = await openFile('page.html')
    const { headers } = await app.get()
    assert.equal(headers['content-type'], 'application/octet-stream')
    assert.match(String(headers['content-disposition']), /^attachment; /)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.match(String(headers['content-security-policy']), /sandbox/)
    assert.match(String(headers['cache-control']), /private/)
  })

  it('name no type that a browser runs, whatever the ending', () => {
    for (const ending of ['html', 'htm', 'svg', 'xhtml', 'xml', 'js', 'mjs', 'css', 'swf', '']) {
      assert.equal(downloadHeaders(`a.${ending}`)['content-type'], 'application/octet-stream')
    }
  })

  it('carry any name, and are never split by one', () => {
    const quoted = downloadHeaders('a"b\\c\r\n\u00e9\ud800.PNG')
    assert.equal(
      quoted['content-disposition'],
      `attachment; filename="a_b_c____.PNG"; filename*=UTF-8''a%22b%5Cc%0D%0A%C3%A9%EF%BF%BD.PNG`,
    )
    assert.equal(quoted['content-type'], 'image/png')
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (name) => {
        const value = downloadHeaders(name)['content-disposition']!
        assert.match(value, /^[ -~]+$/)
        const [, exact] = /filename\*=UTF-8''(\S+)$/.exec(value)!
        assert.equal(decodeURIComponent(exact!), name.toWellFormed())
      }),
    )
  })
})

test('deleting takes no body, and forgives clients that announce one', async () => {
  await using app = await openFile()
  const url = app.url.replace('/content', '')
  const headers = { 'content-type': 'application/json' }
  const refused = await app.request('DELETE', url, { payload: '{"a":1}', headers })
  assert.equal(refused.status, 400)
  assert.match(refused.json.error.message, /expected none/)
  assert.equal((await app.request('DELETE', url, { headers })).status, 200)
})

describe('the query of the list', () => {
  const wrong = [
    ['limit=0', 'invalid_request', 'limit'],
    ['limit=1001', 'invalid_request', 'limit'],
    ['limit=many', 'invalid_request', 'limit'],
    ['order=up', 'invalid_request', 'order'],
    ['after=file-1', 'invalid_request', 'after'],
    ['purpose=fun', 'invalid_request', 'purpose'],
    ['limit=1&limit=2', 'invalid_request', 'limit'],
    ['before=x', 'unknown_parameter', 'before'],
  ] as const
  for (const [query, code, param] of wrong) {
    it(`${query} is refused by name`, async () => {
      await using app = await openTestApp()
      const { status, json } = await app.request('GET', `/v1/files?${query}`)
      assert.deepEqual([status, json.error.code, json.error.param], [400, code, param])
    })
  }
})
