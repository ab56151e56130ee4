/** The hub's files over a network that cuts, lies and refuses. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { downloadFile } from '../../src/hub/download.ts'
import { type HubAccess, HubClient } from '../../src/hub/hub-client.ts'
import { openRepository } from '../../src/hub/repository.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import {
  COMMIT,
  type FakeHub,
  type Misbehaviour,
  REPOSITORY,
  sendFile,
  startFakeHub,
} from '../support/fake-hub.ts'

const WEIGHTS = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251))
const FILES = new Map([
  ['config.json', Buffer.from('{"model_type": "qwen2"}')],
  ['model.safetensors', WEIGHTS],
])
const QUICK = { headMs: 60_000, idleMs: 60_000, retryMs: 5, attempts: 4 }
const isContent = (url: string | undefined) => url?.includes('/resolve/') === true

describe('a file of the hub', () => {
  let scratch: string
  let path: string
  const hubs: FakeHub[] = []
  beforeEach(() => {
    scratch = scratchFolder()
    path = join(scratch, 'model.safetensors')
  })
  afterEach(async () => {
    await Promise.all(hubs.splice(0).map((hub) => hub.close()))
    rmSync(scratch, { recursive: true })
  })

  const start = async (misbehaviour: Misbehaviour = {}) => {
    const hub = await startFakeHub(FILES, misbehaviour)
    hubs.push(hub)
    return hub
  }
  const clientOf = (hub: FakeHub, access: HubAccess = {}, signal?: AbortSignal) =>
    new HubClient({ endpoint: hub.url, ...access }, signal, QUICK)
  const fetchWeights = async (
    hub: FakeHub,
    onBytes?: (bytes: number) => void,
    client = clientOf(hub),
  ) => {
    const repository = await openRepository(client, REPOSITORY)
    const file = repository.files.get('model.safetensors')!
    await downloadFile(client, repository, file, { path, ...(onBytes && { onBytes }) })
  }
  const fails = (hub: FakeHub, message: RegExp) =>
    assert.rejects(fetchWeights(hub), { code: 'download_failed', message })
  /** Sends the head and some bytes, and breaks the connection. */
  const cut = (response: ServerResponse, start: number, length: number) => {
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': WEIGHTS.length - start,
      ...(start > 0 && {
        'content-range': `bytes ${start}-${WEIGHTS.length - 1}/${WEIGHTS.length}`,
      }),
    })
    response.write(WEIGHTS.subarray(start, start + length), () => response.destroy())
  }

  it('comes from the commit that the revision means, and is not fetched twice', async () => {
    const hub = await start()
    const repository = await openRepository(clientOf(hub), REPOSITORY, 'some/branch')
    assert.equal(repository.revision, COMMIT)
    assert.ok(hub.seen[0]?.path.endsWith('/revision/some%2Fbranch'))
    let told = 0
    await fetchWeights(hub, (bytes) => {
      told += bytes
    })
    assert.deepEqual(readFileSync(path), WEIGHTS)
    assert.equal(told, WEIGHTS.length)
    await fetchWeights(hub)
    assert.deepEqual(hub.fetched, ['model.safetensors'])
  })

  it('goes on where the connection was cut, within a download and after it', async () => {
    let cuts = 0
    const hub = await start({
      intercept: ({ url, headers }, response) => {
        if (!isContent(url) || ++cuts > 3) return false
        const have = Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)
        cut(response, have, 50_000)
        return true
      },
    })
    await fetchWeights(hub)
    assert.deepEqual(readFileSync(path), WEIGHTS)
    assert.match(hub.fetched[0]!, /^model\.safetensors bytes=[1-9]\d*-$/)

    rmSync(path)
    writeFileSync(`${path}.part`, WEIGHTS.subarray(0, 123_456))
    await fetchWeights(hub)
    assert.equal(hub.fetched[1], 'model.safetensors bytes=123456-')
    assert.deepEqual(readFileSync(path), WEIGHTS)
  })

  it('gives up when the connection is cut again and again without a byte more', async () => {
    const hub = await start({
      intercept: ({ url }, response) => {
        if (isContent(url)) cut(response, 0, 0)
        return isContent(url)
      },
    })
    await fails(hub, /4 times$/)
  })

  it('starts over when the hub does not know ranges, or has less than is there', async () => {
    const hub = await start({
      intercept: ({ url }, response) => {
        if (isContent(url)) sendFile(response, WEIGHTS)
        return isContent(url)
      },
    })
    writeFileSync(`${path}.part`, WEIGHTS.subarray(0, 1000))
    await fetchWeights(hub)
    assert.deepEqual(readFileSync(path), WEIGHTS)
    rmSync(path)
    writeFileSync(`${path}.part`, Buffer.concat([WEIGHTS, WEIGHTS]))
    await fetchWeights(hub)
    assert.deepEqual(readFileSync(path), WEIGHTS)
  })

  it('is refused with another digest, after a second look', async () => {
    const hub = await start({
      content: (_, bytes) => Buffer.from(bytes).fill(1, 5, 6),
    })
    await fails(hub, /model\.safetensors has the digest [0-9a-f]{64}, expected [0-9a-f]{64}/)
    assert.equal(hub.fetched.length, 2)
    assert.ok(!existsSync(path) && !existsSync(`${path}.part`))
  })

  it('replaces what an earlier attempt damaged', async () => {
    const hub = await start()
    writeFileSync(`${path}.part`, Buffer.alloc(1000, 1))
    await fetchWeights(hub)
    assert.deepEqual(readFileSync(path), WEIGHTS)
    assert.equal(hub.fetched.length, 2)
  })

  it('is refused when the sizes disagree', async () => {
    const longer = await start({ content: (_, bytes) => Buffer.concat([bytes, bytes]) })
    await fails(longer, /sends 600000 bytes, expected 300000/)
    const shorter = await start({ content: (_, bytes) => bytes.subarray(0, 9) })
    await fails(shorter, /sends 9 bytes, expected 300000/)
    const endless = await start({
      intercept: ({ url }, response) => {
        if (!isContent(url)) return false
        response.writeHead(200)
        const more = () => response.destroyed || response.write(WEIGHTS, () => setImmediate(more))
        more()
        return true
      },
    })
    await fails(endless, /is longer than its 300000 bytes/)
    assert.ok(statSync(`${path}.part`).size <= WEIGHTS.length)
    const otherRange = await start({
      intercept: ({ url, headers }, response) => {
        if (!isContent(url) || !headers.range) return false
        response.writeHead(206, { 'content-range': `bytes 5-10/${WEIGHTS.length}` }).end('x')
        return true
      },
    })
    writeFileSync(`${path}.part`, WEIGHTS.subarray(0, 1000))
    await fails(otherRange, /sends bytes 5-10\/300000, expected bytes 1000 and on/)
  })

  it('is waited for when the hub is busy, as long as it asks for', async () => {
    let refusals = 0
    const hub = await start({
      intercept: (_, response) => {
        refusals += 1
        if (refusals > 3) return false
        const status = [429, 500, 503][refusals - 1]!
        response.writeHead(status, status === 429 ? { 'retry-after': '0' } : {}).end('busy')
        return true
      },
    })
    await fetchWeights(hub)
    const closed = await start({
      intercept: (_, response) => {
        response.writeHead(429, { 'retry-after': '86400' }).end()
        return true
      },
    })
    await fails(closed, /answers 429.*try again in 86400 s/)
  })

  it('is given up when nothing comes', async () => {
    const hub = await start({
      intercept: ({ url }, response) => {
        if (!isContent(url)) return false
        response.writeHead(200, { 'content-length': WEIGHTS.length })
        response.write('x')
        return true
      },
    })
    const impatient = new HubClient({ endpoint: hub.url }, undefined, { ...QUICK, idleMs: 300 })
    await assert.rejects(fetchWeights(hub, undefined, impatient), {
      code: 'download_failed',
      message: /nothing came for 0\.3 s|digest/,
    })
  })

  it('is refused with what can be done about it', async () => {
    for (const [status, message] of [
      [401, /status 401.*set HF_TOKEN/],
      [403, /status 403.*HF_TOKEN may not read it/],
      [404, /status 404.*no such repository, revision or file/],
      [410, /status 410.*refused/],
    ] as const) {
      const hub = await start({
        intercept: (_, response) => {
          response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"no"}')
          return true
        },
      })
      await fails(hub, message)
      assert.equal(hub.seen.length, 1, 'a refusal is not repeated')
    }
  })

  it('comes through a redirect, and the token stays with the hub', async () => {
    const store = await start()
    const hub = await start({ redirectTo: store.url })
    const client = clientOf(hub, { token: 'secret-token' })
    const repository = await openRepository(client, REPOSITORY)
    const file = repository.files.get('model.safetensors')!
    await downloadFile(client, repository, file, { path })
    assert.deepEqual(readFileSync(path), WEIGHTS)
    assert.ok(hub.seen.every(({ authorization }) => authorization === 'Bearer secret-token'))
    assert.deepEqual(
      store.seen.map(({ authorization }) => authorization),
      [undefined],
    )
  })

  it('ends at once when it is interrupted, and keeps what came', async () => {
    const interrupt = new AbortController()
    const hub = await start({
      intercept: ({ url }, response) => {
        if (!isContent(url)) return false
        response.writeHead(200, { 'content-length': WEIGHTS.length })
        response.write(WEIGHTS.subarray(0, 1000))
        return true
      },
    })
    const client = clientOf(hub, {}, interrupt.signal)
    const repository = await openRepository(client, REPOSITORY)
    const file = repository.files.get('model.safetensors')!
    const onBytes = (bytes: number) => bytes > 0 && interrupt.abort()
    await assert.rejects(downloadFile(client, repository, file, { path, onBytes }), {
      name: 'AbortError',
    })
    assert.equal(statSync(`${path}.part`).size, 1000)
  })
})

describe('the list of a repository', () => {
  const refuses = async (misbehaviour: Misbehaviour, message: RegExp) => {
    const hub = await startFakeHub(FILES, misbehaviour)
    try {
      const client = new HubClient({ endpoint: hub.url }, undefined, QUICK)
      await assert.rejects(openRepository(client, REPOSITORY), {
        code: 'download_failed',
        message,
      })
    } finally {
      await hub.close()
    }
  }
  const json = (text: string, headers = {}) => ({
    intercept: (_: unknown, response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(text)
      return true
    },
  })

  it('is refused where it makes no sense', async () => {
    await refuses(json('{'), /not as documented/)
    await refuses(json('null'), /not as documented/)
    await refuses(json('{}'), /names no commit|not as documented/)
    await refuses(
      { list: (_, entry) => ({ ...entry, size: -1, lfs: undefined }) },
      /without a size/,
    )
    await refuses({ list: (_, { oid: _oid, lfs: _lfs, ...entry }) => entry }, /size or digest/)
  })

  it('is not followed to another host, and not read without end', async () => {
    const next = { link: '<https://elsewhere.test/next>; rel="next"' }
    const hub = {
      intercept: ({ url }: { url?: string | undefined }, response: ServerResponse) => {
        if (!url?.includes('/tree/')) return false
        response.writeHead(200, { 'content-type': 'application/json', ...next }).end('[]')
        return true
      },
    }
    await refuses(hub, /elsewhere\.test, which is another host/)
    await refuses(json(`[${' '.repeat(33 * 2 ** 20)}]`), /more than 33554432 bytes of JSON/)
  })
})
