import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadApiKeys, parseKeys, reloadOnSighup } from '../../src/http/auth.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { openTestApp } from '../support/http-app.ts'
import { rawExchange } from '../support/raw-client.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aerie-keys-'))
})
after(() => rm(folder, { recursive: true }))

async function keyFile(text: string): Promise<string> {
  const file = join(folder, 'keys')
  await writeFile(file, text)
  return file
}

test('a key file has names, comments and blank lines', async () => {
  const keys = await loadApiKeys(
    await keyFile('# ours\nradiology:secret-1\n\nbare-secret # no name\nradiology:secret-2\r\n'),
  )
  assert.equal(keys.nameOf('Bearer secret-1'), 'radiology')
  assert.equal(keys.nameOf('bearer secret-2'), 'radiology')
  assert.match(keys.nameOf('Bearer bare-secret') ?? '', /^key-[0-9a-f]{8}$/)
  for (const wrong of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer secret-3',
    'Basic secret-1',
    'secret-1',
    'Bearer radiology:secret-1',
    'Bearer secret-1 ',
    'Bearer secret-1\u00e9',
  ]) {
    assert.equal(keys.nameOf(wrong), undefined, String(wrong))
  }
})

test('a bad line is named by its number and never shown', () => {
  for (const [text, problem] of [
    ['ok:key\nbad key here', /line 2: expected/],
    ['name with space:key', /line 1: expected/],
    ['# nothing', /at least one key/],
    ['ok:key\nanonymous:bad', /line 2: expected another name than anonymous/],
  ] as const) {
    assert.throws(
      () => parseKeys(text, 'keys'),
      (error: Error) => {
        assert.match(error.message, problem)
        assert.doesNotMatch(error.message, /bad key/)
        return true
      },
    )
  }
})

test('reading again replaces the keys; a broken file leaves the old ones', async () => {
  const file = await keyFile('old')
  const keys = await loadApiKeys(file)
  await writeFile(file, 'new')
  const take = await keys.read()
  assert.ok(keys.nameOf('Bearer old'))
  take()
  assert.equal(keys.nameOf('Bearer old'), undefined)
  assert.ok(keys.nameOf('Bearer new'))
  await writeFile(file, 'not a key')
  await assert.rejects(keys.read(), { code: 'invalid_config' })
  assert.ok(keys.nameOf('Bearer new'))
  await assert.rejects(loadApiKeys(join(folder, 'none')), { code: 'invalid_config' })
})

test('SIGHUP reads the keys again, and says so', { timeout: 60_000 }, async () => {
  const file = await keyFile('old')
  const keys = await loadApiKeys(file)
  const { lines, logger } = capturedLog()
  using _ = reloadOnSighup(keys, logger)
  for (const [text, said] of [
    ['new', /read again/],
    ['not a key', /the old ones stay/],
  ] as const) {
    await writeFile(file, text)
    process.emit('SIGHUP')
    while (!lines.some((line) => said.test(line))) await new Promise(setImmediate)
    assert.ok(keys.nameOf('Bearer new'))
  }
})

test('every key is compared, in constant time, whether or not an earlier one matched', (t) => {
  const compare = t.mock.method(crypto, 'timingSafeEqual')
  // The binding under test was imported by name; syncing makes it the watched one.
  t.after(() => process.getBuiltinModule('module').syncBuiltinESMExports())
  process.getBuiltinModule('module').syncBuiltinESMExports()
  return loadApiKeysOf('a-key\nb-key\nc-key').then((keys) => {
    for (const authorization of [
      'Bearer a-key',
      'Bearer c-key',
      'Bearer none',
      undefined,
      'x'.repeat(9999),
    ]) {
      compare.mock.resetCalls()
      keys.nameOf(authorization)
      assert.equal(compare.mock.callCount(), 3)
      for (const { arguments: pair } of compare.mock.calls) {
        assert.deepEqual(
          pair.map((bytes) => bytes.byteLength),
          [32, 32],
        )
      }
    }
  })
})

function capturedLog() {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  return { lines, logger: createLogger({ level: 'info', pretty: false, stream }) }
}

const loadApiKeysOf = async (text: string) => loadApiKeys(await keyFile(text))

test('without a key nothing but probes answers, not even about which routes exist', async () => {
  await using app = await openTestApp({ apiKeys: await loadApiKeysOf('ward:secret') })
  const chat = JSON.stringify({ model: 'echo', messages: [{ role: 'user', content: 'x' }] })
  const post = { payload: chat, headers: { 'content-type': 'application/json' } }
  for (const [method, url, options] of [
    ['POST', '/v1/chat/completions', post],
    ['GET', '/v1/models', {}],
    ['GET', '/metrics', {}],
    ['GET', '/no/such/route', {}],
    ['DELETE', '/v1/models', {}],
  ] as const) {
    const answer = await app.request(method, url, options)
    assert.deepEqual([answer.status, answer.json.error.code], [401, 'invalid_api_key'], url)
    assert.equal(answer.headers['www-authenticate'], 'Bearer')
  }
  assert.equal((await app.request('GET', '/livez')).status, 200)
  assert.equal((await app.request('GET', '/readyz')).status, 200)
  assert.equal(app.service.requests.length, 0)

  const ok = await app.chat({}, { authorization: 'Bearer secret' })
  assert.equal(ok.status, 200)
  assert.equal(app.service.requests[0]?.tenant, 'ward')
})

test('a body is not read before the key is known', async () => {
  await using app = await openTestApp({ apiKeys: await loadApiKeysOf('secret') })
  const answer = await app.request('POST', '/v1/tokenize', {
    payload: `"${'x'.repeat(100_000)}"`,
    headers: { 'content-type': 'application/json' },
  })
  assert.equal(answer.status, 401)
})

test('where keys are optional, a wrong one is refused all the same', async () => {
  const apiKeys = await loadApiKeysOf('ward:secret')
  await using app = await openTestApp({ apiKeys, requireApiKey: false })
  assert.equal((await app.chat({})).status, 200)
  assert.equal(app.service.requests[0]?.tenant, 'anonymous')
  assert.equal((await app.chat({}, { authorization: 'Bearer wrong' })).status, 401)
})

test('a local server without keys answers to local names and addresses only', async () => {
  await using app = await openTestApp({ allowedHosts: ['viewer.ward-3.example'] })
  const models = (host: string, url = '/v1/models') =>
    app.request('GET', url, { headers: { host } })
  for (const host of [
    'localhost:8000',
    'LOCALHOST',
    'aerie.localhost.:80',
    '127.0.0.1:8000',
    '[::1]:8000',
    'viewer.ward-3.example',
  ]) {
    assert.equal((await models(host)).status, 200, host)
  }
  for (const host of ['evil.example:8000', 'localhost.evil.example', '127.0.0.1.evil.example']) {
    const response = await models(host)
    assert.equal(response.status, 403, host)
    assert.equal(response.json.error.code, 'host_not_allowed')
    assert.equal((await models(host, '/livez')).status, 200, 'probes come by any name')
  }
})

test('HTTP/1.0 without Host comes from no browser, and is served', async () => {
  await using app = await openTestApp({ allowedHosts: ['viewer.ward-3.example'] })
  const url = await app.listen()
  for (const [version, host, status] of [
    ['1.0', '', 200],
    ['1.0', 'host: rebound.example\r\n', 403],
    ['1.0', 'host:\r\n', 403],
    ['1.1', '', 400],
  ] as const) {
    const head = `GET /v1/models HTTP/${version}\r\n${host}connection: close\r\n\r\n`
    assert.match(await rawExchange(url, head), new RegExp(`^HTTP/1\\.1 ${status} `), head)
  }
})
