/** The page's files over HTTP: what is handed out, under which headers, to whom. The page itself is tested in test/e2e/page. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { loadPageFiles } from '../../src/http/page-files.ts'
import { openTestApp } from '../support/http-app.ts'

/** Straight to the app: openapi.yaml is about the API, and the page is none. */
async function openPage(options: Parameters<typeof openTestApp>[0] = {}) {
  const app = await openTestApp({ page: true, ...options })
  const get = (url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') =>
    app.app.inject({ method, url, headers: { host: 'localhost', ...headers } })
  const base = async () => /\/page\/[\w-]{16}/.exec((await get('/')).body)![0]
  return { app, get, base, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() }
}

describe('the page', () => {
  it('is one HTML file that names every module, each of which is there', async () => {
    await using page = await openPage()
    const { statusCode, headers, body } = await page.get('/')
    assert.deepEqual([statusCode, headers['content-type']], [200, 'text/html; charset=utf-8'])
    assert.doesNotMatch(body, /\{\{/)
    const links = [...body.matchAll(/(?:href|src)="(\/page\/[^"]+)"/g)].map(([, link]) => link!)
    assert.ok(links.length > 30, `${links.length} files are named`)
    for (const link of links) {
      const file = await page.get(link)
      assert.equal(file.statusCode, 200, link)
      const type = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }
      const expected = type[link.split('.').at(-1) as keyof typeof type]
      assert.ok(String(file.headers['content-type']).startsWith(expected), link)
      assert.equal(file.headers['cache-control'], 'public, max-age=31536000, immutable')
      // A module imports its neighbours and what was vendored, never a bare name.
      for (const [, from] of file.body.matchAll(
        /^(?:import|export|\}).*?\bfrom\s*['"]([^'"]+)['"]/gm,
      ))
        assert.match(from!, /^\.\.?\//, link)
    }
  })

  it('may run its own files alone, speak to its own server alone, and lie in nobody else’s frame', async () => {
    await using page = await openPage()
    const { headers } = await page.get('/')
    const policy = new Map(
      String(headers['content-security-policy'])
        .split('; ')
        .map((rule) => [rule.split(' ')[0]!, rule.split(' ').slice(1)]),
    )
    assert.deepEqual(policy.get('default-src'), ["'none'"])
    for (const kind of ['script-src', 'style-src', 'connect-src'])
      assert.deepEqual(policy.get(kind), ["'self'"], kind)
    for (const kind of ['img-src', 'media-src'])
      assert.deepEqual(policy.get(kind), ["'self'", 'blob:', 'data:'], kind)
    for (const kind of ['frame-ancestors', 'base-uri', 'form-action'])
      assert.deepEqual(policy.get(kind), ["'none'"], kind)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.match(String(headers['permissions-policy']), /camera=\(\), microphone=\(\)/)
    const file = await page.get(`${await page.base()}/main.js`)
    assert.equal(file.headers['content-security-policy'], headers['content-security-policy'])
  })

  it('has nothing inline that the policy would have to allow', async () => {
    const { index } = await loadPageFiles()
    const html = index.bodies.identity.toString()
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/)
    assert.doesNotMatch(html, /https?:\/\//)
  })

  it('comes compressed to who takes it, and is the same then', async () => {
    await using page = await openPage()
    const url = `${await page.base()}/app.js`
    const plain = await page.get(url)
    assert.equal(plain.headers['content-encoding'], undefined)
    const cases = [
      ['br', 'br, gzip', brotliDecompressSync],
      ['gzip', 'gzip, deflate', gunzipSync],
      ['gzip', 'br;q=0, gzip;q=0.5', gunzipSync],
    ] as const
    for (const [coding, accepted, unpack] of cases) {
      const packed = await page.get(url, { 'accept-encoding': accepted })
      assert.equal(packed.headers['content-encoding'], coding)
      assert.equal(packed.headers.vary, 'accept-encoding')
      assert.notEqual(packed.headers.etag, plain.headers.etag)
      assert.deepEqual(unpack(packed.rawPayload), plain.rawPayload)
    }
    const refused = await page.get(url, { 'accept-encoding': 'brotli, br;q=0' })
    assert.equal(refused.headers['content-encoding'], undefined)
  })

  it('is not sent again to who has it', async () => {
    await using page = await openPage()
    const first = await page.get('/')
    assert.equal(first.headers['cache-control'], 'no-cache')
    const etag = String(first.headers.etag)
    const again = await page.get('/', { 'if-none-match': `"other", ${etag}` })
    assert.deepEqual([again.statusCode, again.body, again.headers.etag], [304, '', etag])
    assert.equal((await page.get('/', { 'if-none-match': '"other"' })).statusCode, 200)
  })

  it('is there for HEAD, and for no other method', async () => {
    await using page = await openPage()
    const { statusCode, body, headers } = await page.get('/', {}, 'HEAD')
    assert.deepEqual([statusCode, body], [200, ''])
    assert.equal(Number(headers['content-length']), (await page.get('/')).rawPayload.length)
    const wrong = await page.app.request('POST', '/', { payload: {} })
    assert.deepEqual([wrong.status, wrong.headers['allow']], [405, 'GET, HEAD'])
  })

  it('has no other file than its own, whatever the path', async () => {
    await using page = await openPage()
    const base = await page.base()
    for (const path of [
      `${base}/nothing.js`,
      `${base}/index.html`,
      `${base}/types.d.ts`,
      `${base}/tsconfig.json`,
      `${base}/../../package.json`,
      `${base}/..%2f..%2fpackage.json`,
      `${base}/vendor/..%2f..%2fhttp/app.ts`,
      `${base}/examples/make.ts`,
      `${base}/__proto__`,
      `${base}/`,
      '/page/AAAAAAAAAAAAAAAA/main.js',
      '/page',
    ]) {
      const { status, json } = await page.app.request('GET', path)
      assert.deepEqual([status, json.error.code], [404, 'not_found'], path)
    }
  })

  it('needs no key, where the API needs one', async () => {
    const apiKeys = { nameOf: () => undefined, reload: async () => undefined }
    await using page = await openPage({ apiKeys })
    assert.equal((await page.get('/')).statusCode, 200)
    assert.equal((await page.get(`${await page.base()}/main.js`)).statusCode, 200)
    const { status } = await page.app.request('GET', '/v1/models')
    assert.equal(status, 401)
  })

  it('is not handed to a page of elsewhere that had its name resolve to this machine', async () => {
    await using page = await openPage({ allowedHosts: [] })
    assert.equal((await page.get('/', { host: 'localhost:8000' })).statusCode, 200)
    const rebound = await page.get('/', { host: 'evil.example' })
    assert.deepEqual([rebound.statusCode, rebound.json().error.code], [403, 'host_not_allowed'])
  })

  it('counts under two routes, however many files it has', async () => {
    await using page = await openPage()
    const base = await page.base()
    for (const file of ['main.js', 'app.js', 'store.js']) await page.get(`${base}/${file}`)
    const { body } = await page.app.request('GET', '/metrics')
    const routes = [...body.matchAll(/aerie_requests_total\{route="([^"]+)"/g)].map(
      ([, route]) => route,
    )
    assert.deepEqual(new Set(routes), new Set(['/', '/page/:version/*']))
  })

  it('is switched off by `page: false`, and nothing is at / then', async () => {
    await using app = await openTestApp({ page: false })
    const { status, json } = await app.request('GET', '/')
    assert.deepEqual([status, json.error.code], [404, 'not_found'])
  })

  it('has a version that tells one page from another', async () => {
    const [one, other] = [await loadPageFiles(), await loadPageFiles()]
    assert.equal(one.version, other.version)
    assert.match(one.version, /^[\w-]{16}$/)
  })
})
