import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkUrl } from '../../src/media/fetch-target.ts'

const STRICT = { allowHttp: false, allowedHosts: [] as string[] }

const hostOf = (url: string, limits = STRICT) => checkUrl(url, limits, 'image_url').hostname

function refused(url: string, message: RegExp, limits = STRICT) {
  assert.throws(
    () => checkUrl(url, limits, 'image_url'),
    { code: 'media_fetch_failed', message, param: 'image_url' },
    url,
  )
}

describe('a URL to fetch', () => {
  it('is https, and http only where that is allowed', () => {
    assert.equal(hostOf('https://example.org/a.png'), 'example.org')
    refused('http://example.org/a.png', /http is refused \(fetchAllowHttp\)/)
    assert.equal(hostOf('http://example.org/', { ...STRICT, allowHttp: true }), 'example.org')
  })

  it('is of no other scheme', () => {
    for (const url of [
      'file:///etc/passwd',
      'ftp://example.org/',
      'blob:https://a/b',
      'javascript:1',
      'gopher://a',
    ]) {
      refused(url, /URLs of scheme \w+: are not fetched/)
    }
    for (const url of [
      '',
      'a.png',
      '//example.org/a',
      'https://',
      'https://[::1',
      'https://fe80::1/',
      'https://[fe80::1%25eth0]/',
    ]) {
      refused(url, /not a URL/)
    }
  })

  it('carries no credentials, also when a host hides behind them', () => {
    refused('https://user@example.org/', /credentials/)
    refused('https://user:secret@example.org/', /credentials/)
    refused('https://example.org@127.0.0.1/', /credentials/)
    refused('https://example.org%40@127.0.0.1/', /credentials/)
  })

  it('is at a port where pictures are served', () => {
    for (const port of [443, 80, 1024, 8080, 8443, 65_535])
      assert.ok(hostOf(`https://example.org:${port}/`))
    for (const port of [1, 22, 25, 53, 111, 389, 445, 1023, 2049, 6000, 6667, 10_080]) {
      refused(`https://example.org:${port}/`, /port \d+ is refused/)
    }
  })

  it('has one spelling of its host, so that checks see through the others', () => {
    const loopback = [
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '0x7f.1',
      '127.0.0.1.',
      '１２７.０.０.１',
      '127。0。0。1',
    ]
    for (const host of loopback) assert.equal(hostOf(`https://${host}/`), '127.0.0.1', host)
    assert.equal(hostOf('https://[::ffff:127.0.0.1]/'), '[::ffff:7f00:1]')
    assert.equal(hostOf('https://LOCALHOST./'), 'localhost')
    assert.equal(hostOf('https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/'), 'localhost')
    assert.equal(hostOf('https://bücher.example/'), 'xn--bcher-kva.example')
    assert.equal(hostOf('https://example.org./'), 'example.org')
    assert.equal(hostOf('https:\\\\example.org\\a'), 'example.org')
  })
})

describe('a list of allowed hosts', () => {
  const limits = {
    ...STRICT,
    allowedHosts: [
      'example.org',
      '*.pictures.test',
      'Bücher.example',
      '192.0.2.7',
      '[2001:db8::7]',
    ],
  }
  it('admits the hosts it names and the subdomains it stars', () => {
    for (const host of [
      'example.org',
      'EXAMPLE.org.',
      'a.pictures.test',
      'a.b.pictures.test',
      'xn--bcher-kva.example',
      '192.0.2.7',
      '[2001:db8::7]',
    ]) {
      assert.ok(hostOf(`https://${host}/`, limits), host)
    }
  })

  it('admits no other', () => {
    for (const host of [
      'sub.example.org',
      'pictures.test',
      'evilpictures.test',
      'example.org.evil.test',
      'example.orgx',
      '192.0.2.8',
    ]) {
      refused(`https://${host}/`, /not in fetchAllowedHosts/, limits)
    }
  })
})
