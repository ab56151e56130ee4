import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { createFetcher, type FetcherOptions, type FetchRequest } from '../../src/media/fetcher.ts'
import { FETCH_LIMITS, NEVER } from './pictures.ts'

/** 127.0.0.1 stands for the internet and 127.0.0.2 for the private network; both are real servers on loopback. */
const PUBLIC = '127.0.0.1'
const PRIVATE = '127.0.0.2'

const BODY = Buffer.from('bytes of a picture')
const ZEROS = Buffer.alloc(2_000_000)

const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/media/${name}`, import.meta.url))

async function listen<S extends Server>(server: S, host: string, port = 0): Promise<S> {
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, host, resolve),
  )
  return server
}

/** A fetcher that gives what came as one. */
function gathering(options: FetcherOptions) {
  const fetch = createFetcher(options)
  return async (url: string, request: FetchRequest): Promise<Buffer> => {
    const pieces: Uint8Array[] = []
    const onPiece = async (piece: Uint8Array) => {
      await request.onPiece(piece)
      pieces.push(piece)
    }
    await fetch(url, { ...request, onPiece })
    return Buffer.concat(pieces)
  }
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

describe('the fetcher', () => {
  let web: Server
  let inside: Server
  let secure: Server
  let port: number
  /** Requests that reached the private network. */
  let intruders = 0
  let asked: IncomingMessage['headers'] = {}

  const ANSWERS: Record<string, (response: ServerResponse, request: IncomingMessage) => void> = {
    '/ok': (response) => response.end(BODY),
    '/chunked': (response) => {
      for (const byte of BODY) response.write(Buffer.of(byte))
      response.end()
    },
    '/gzip': (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(BODY)),
    '/deflate': (response) =>
      response.setHeader('content-encoding', 'deflate').end(deflateSync(BODY)),
    '/br': (response) => response.setHeader('content-encoding', 'BR').end(brotliCompressSync(BODY)),
    '/zstd': (response) =>
      response.setHeader('content-encoding', 'zstd').end(zstdCompressSync(BODY)),
    '/twice': (response) =>
      response.setHeader('content-encoding', 'gzip, gzip').end(gzipSync(gzipSync(BODY))),
    '/damaged': (response) => response.setHeader('content-encoding', 'gzip').end(BODY),
    '/bomb': (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(ZEROS)),
    '/declared': (response) => response.setHeader('content-length', 1e9).write('x'),
    '/endless': (response) => {
      const more = () => {
        while (response.writable && response.write(ZEROS.subarray(0, 65_536)));
      }
      response.on('drain', more)
      more()
    },
    '/silent': () => {},
    '/slow': (response) => {
      const timer = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(timer))
    },
    '/cut': (response) => {
      response.setHeader('content-length', 1000).write('half')
      setTimeout(() => response.destroy(), 20)
    },
    '/missing': (response) => response.writeHead(404).end(),
    '/nowhere': (response) => response.writeHead(302).end(),
    '/relative': (response) => response.writeHead(307, { location: 'ok' }).end(),
    '/round': (response) => response.writeHead(302, { location: '/round' }).end(),
    '/to': (response, { url }) =>
      response
        .writeHead(302, { location: new URL(url!, 'http://x').searchParams.get('url')! })
        .end(),
  }

  const answer: RequestListener = (request, response) => {
    asked = request.headers
    const hops = /^\/hops\/(\d+)/.exec(request.url!)
    if (hops) {
      const left = Number(hops[1])
      response.writeHead(301, { location: left === 1 ? '/ok' : `/hops/${left - 1}` }).end()
    } else {
      ANSWERS[request.url!.replace(/\?.*/, '')]!(response, request)
    }
  }

  before(async () => {
    web = await listen(createServer(answer), PUBLIC)
    port = portOf(web)
    inside = await listen(
      createServer((_, response) => {
        intruders += 1
        response.end('secret')
      }),
      PRIVATE,
      port,
    )
    setDefaultCACertificates([...getCACertificates(), fixture('pictures.test.crt').toString()])
    const tls = { cert: fixture('pictures.test.crt'), key: fixture('pictures.test.key') }
    secure = await listen(createTlsServer(tls, answer), PUBLIC)
  })

  after(() => {
    for (const server of [web, inside, secure]) {
      server.close()
      if ('closeAllConnections' in server)
        (server as ReturnType<typeof createServer>).closeAllConnections()
    }
  })

  function fetcher(
    options: Partial<FetcherOptions> = {},
    limits: Partial<typeof FETCH_LIMITS> = {},
  ) {
    return gathering({
      limits: { ...FETCH_LIMITS, allowHttp: true, ...limits },
      maxBytes: 1_000_000,
      resolve: async () => [PUBLIC],
      isAllowed: (address) => address === PUBLIC,
      ...options,
    })
  }

  const request = { param: 'image_url', signal: NEVER, onPiece: () => {} }
  const get = (path: string, options: Partial<FetcherOptions> = {}, limits = {}) =>
    fetcher(options, limits)(`http://pictures.test:${port}${path}`, request)

  const refused = (promise: Promise<unknown>, message: RegExp, code = 'media_fetch_failed') =>
    assert.rejects(promise, (error: Error & { code?: string; param?: string }) => {
      assert.match(error.message, message)
      assert.equal(error.code, code)
      assert.equal(error.param, 'image_url')
      // Nothing about the network that was looked at, not even in a nested message.
      assert.doesNotMatch(error.message, /127\.0\.0|ECONN|ENOTFOUND|:\d{4,5}/)
      return true
    })

  describe('brings bytes', () => {
    it('over http, whole or in pieces, and tells of them as they come', async () => {
      let told = 0
      const onPiece = (piece: Uint8Array) => {
        told += piece.byteLength
      }
      const url = `http://pictures.test:${port}`
      assert.deepEqual(await fetcher()(`${url}/ok`, { ...request, onPiece }), BODY)
      assert.equal(told, BODY.length)
      assert.deepEqual(await get('/chunked'), BODY)
    })

    it('with a Host header of the name, and asks for no encoding', async () => {
      await get('/ok')
      assert.equal(asked.host, `pictures.test:${port}`)
      assert.equal(asked['accept-encoding'], 'identity')
      assert.equal(asked.cookie, undefined)
    })

    it('out of whatever encoding came anyway', async () => {
      for (const encoding of ['gzip', 'deflate', 'br', 'zstd']) {
        assert.deepEqual(await get(`/${encoding}`), BODY, encoding)
      }
    })

    it('over https, with the certificate checked against the name', async () => {
      const url = `https://pictures.test:${portOf(secure)}/ok`
      assert.deepEqual(await fetcher()(url, request), BODY)
      await refused(
        fetcher()(url.replace('pictures.', 'wrong.'), request),
        /TLS certificate is not accepted/,
      )
    })

    it('across redirects, as many as are allowed', async () => {
      assert.deepEqual(await get('/relative'), BODY)
      assert.deepEqual(await get('/hops/3'), BODY)
      await refused(get('/hops/4'), /more than 3 redirects \(fetchMaxRedirects\)/)
      await refused(get('/round'), /more than 3 redirects/)
      await refused(get('/hops/1', {}, { maxRedirects: 0 }), /more than 0 redirects/)
    })

    it('from any of several allowed addresses', async () => {
      const deaf = '127.0.0.3'
      const options = {
        resolve: async () => [deaf, PUBLIC],
        isAllowed: (a: string) => [deaf, PUBLIC].includes(a),
      }
      assert.deepEqual(await get('/ok', options), BODY)
    })
  })

  describe('stays out of private networks', () => {
    const toPrivate = `/to?url=${encodeURIComponent(`http://${PRIVATE}:`)}`

    it('by default refuses every loopback spelling', async () => {
      const strict = createFetcher({ limits: { ...FETCH_LIMITS, allowHttp: true }, maxBytes: 1000 })
      const hosts = [
        '127.0.0.1',
        '127.1',
        '2130706433',
        '0x7f.1',
        '017700000001',
        'localhost',
        'localhost.',
        'a.localhost',
        '[::1]',
        '[::ffff:127.0.0.1]',
        '[::127.0.0.1]',
        '0.0.0.0',
        '0',
      ]
      for (const host of hosts) {
        await refused(strict(`http://${host}:${port}/ok`, request), /address is not public/)
      }
    })

    it('refuses a name that leads there', () =>
      refused(get('/ok', { resolve: async () => [PRIVATE] }), /address is not public/))

    it('refuses a name that leads there among other places', () =>
      refused(get('/ok', { resolve: async () => [PUBLIC, PRIVATE] }), /address is not public/))

    it('refuses a redirect that leads there', () =>
      refused(
        get(`${toPrivate}${port}/`, {
          resolve: async (host) => [host === PRIVATE ? PRIVATE : PUBLIC],
        }),
        /address is not public/,
      ))

    it('refuses a redirect to another scheme, port, user or host than is allowed', async () => {
      const to = (url: string, limits = {}) => get(`/to?url=${encodeURIComponent(url)}`, {}, limits)
      await refused(to('file:///etc/passwd'), /scheme file:/)
      await refused(to('data:image/png;base64,AAAA'), /scheme data:/)
      await refused(to('http://pictures.test:22/'), /port 22/)
      await refused(to('http://a:b@pictures.test/'), /credentials/)
      await refused(to('http://'), /no valid URL/)
      await refused(
        to(`http://other.test:${port}/ok`, { allowedHosts: ['pictures.test'] }),
        /fetchAllowedHosts/,
      )
    })

    it('refuses a redirect from https to http', async () => {
      const url = `https://pictures.test:${portOf(secure)}/to?url=${encodeURIComponent(`http://pictures.test:${port}/ok`)}`
      await refused(fetcher({}, { allowHttp: false })(url, request), /http is refused/)
    })

    it('asks for an address once, so that a name that changes its mind changes nothing', async () => {
      const answers = [[PUBLIC], [PRIVATE], [PRIVATE]]
      let lookups = 0
      const resolve = async () => answers[lookups++]!
      assert.deepEqual(await get('/ok', { resolve }), BODY)
      assert.equal(lookups, 1)
      lookups = 0
      await refused(get('/hops/1', { resolve }), /address is not public/)
    })

    it('goes in where that is allowed', async () => {
      const open = gathering({
        limits: { ...FETCH_LIMITS, allowHttp: true, allowPrivateAddresses: true },
        maxBytes: 1000,
      })
      assert.deepEqual(await open(`http://localhost:${port}/ok`, request), BODY)
      assert.deepEqual(await open(`http://127.0.0.1:${port}/ok`, request), BODY)
      const neither = /neither public nor private/
      for (const host of ['169.254.169.254', '[fe80::1]', '0.0.0.0', '[::ffff:127.0.0.1]']) {
        await refused(open(`http://${host}:${port}/ok`, request), neither)
      }
    })

    it('never was there in all of the above', () => assert.equal(intruders, 0))
  })

  describe('bounds what a host can do', () => {
    it('to its bytes: declared, endless or unpacked', async () => {
      const tooLarge = /maxImageBytes is 1000000/
      await refused(get('/declared'), tooLarge, 'media_too_large')
      await refused(get('/endless'), tooLarge, 'media_too_large')
      await refused(get('/bomb'), tooLarge, 'media_too_large')
    })

    it('to its time: silent, dribbling or never resolved', async () => {
      const quick = { timeoutMs: 150 }
      const late = /not fetched within 150 ms \(fetchTimeoutMs\)/
      await refused(get('/silent', {}, quick), late)
      await refused(get('/slow', {}, quick), late)
      await refused(get('/ok', { resolve: () => new Promise(() => {}) }, quick), late)
    })

    it('and says what went wrong', async () => {
      await refused(get('/missing'), /status 404/)
      await refused(get('/nowhere'), /redirect without a location/)
      await refused(get('/damaged'), /answer is damaged/)
      await refused(get('/cut'), /the connection broke off/)
      await refused(get('/twice'), /encoding that nobody asked for/)
      await refused(get('/ok', { resolve: async () => [] }), /could not be resolved/)
      await refused(fetcher()('http://pictures.test:65432/', request), /could not be reached/)
    })

    it('one piece after another: the next is not asked for while one is being taken', async () => {
      let busy = 0
      const onPiece = async () => {
        assert.equal(++busy, 1)
        await new Promise(setImmediate)
        busy -= 1
      }
      const address = `http://pictures.test:${port}/chunked`
      assert.deepEqual(await fetcher()(address, { ...request, onPiece }), BODY)
    })

    it('speaks of what it fetches and of the keys that bound it', async () => {
      const words = {
        ...{ subject: 'clip', maxBytes: 'maxVideoBytes', timeout: 'videoFetchTimeoutMs' },
        accept: 'video/*',
      }
      await refused(
        get('/endless', { words }),
        /clip is more than.*maxVideoBytes/,
        'media_too_large',
      )
      await refused(get('/silent', { words }, { timeoutMs: 100 }), /videoFetchTimeoutMs/)
      await get('/ok', { words })
      assert.equal(asked.accept, 'video/*')
    })

    it('stops when the caller has had enough', async () => {
      const onPiece = () => {
        throw new RangeError('no room')
      }
      await assert.rejects(
        fetcher()(`http://pictures.test:${port}/endless`, { ...request, onPiece }),
        RangeError,
      )
    })

    it('stops when the client goes away: resolving, waiting or reading', async () => {
      for (const [path, options] of [
        ['/silent', {}],
        ['/endless', { maxBytes: Number.MAX_SAFE_INTEGER }],
        ['/ok', { resolve: () => new Promise<never>(() => {}) }],
      ] as const) {
        const abort = new AbortController()
        const fetched = fetcher(options)(`http://pictures.test:${port}${path}`, {
          ...request,
          signal: abort.signal,
        })
        setTimeout(() => abort.abort(), 30)
        await assert.rejects(fetched, { code: 'cancelled' }, path)
      }
    })
  })

  it('takes no proxy from the environment', async () => {
    const saved = { ...process.env }
    Object.assign(process.env, {
      HTTP_PROXY: `http://${PRIVATE}:${port}`,
      http_proxy: `http://${PRIVATE}:${port}`,
      NODE_USE_ENV_PROXY: '1',
    })
    try {
      assert.deepEqual(await get('/ok'), BODY)
      assert.equal(intruders, 0)
    } finally {
      process.env = saved
    }
  })
})
