import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AerieError } from '../../src/errors.ts'
import { decodeDataUri } from '../../src/media/data-uri.ts'

const decode = (uri: string, maxBytes = 1000) =>
  Buffer.from(decodeDataUri(uri, { param: 'image_url', maxBytes })).toString('latin1')

function refused(uri: string, why: RegExp, code = 'invalid_media') {
  assert.throws(
    () => decode(uri),
    (error) =>
      error instanceof AerieError &&
      error.code === code &&
      error.param === 'image_url' &&
      error.message.startsWith('image_url: ') &&
      why.test(error.message),
    uri,
  )
}

describe('a data URI', () => {
  it('gives the bytes of its base64', () => {
    assert.equal(decode('data:image/png;base64,aGVsbG8='), 'hello')
    assert.equal(decode('DATA:image/PNG;BASE64,aGVsbG8='), 'hello')
    assert.equal(decode('data:image/svg+xml;charset=utf-8;base64,aGVsbG8='), 'hello')
  })

  it('may be wrapped, unpadded, or have its base64 percent-encoded', () => {
    assert.equal(decode('data:image/png;base64,aGVs\r\n bG8='), 'hello')
    assert.equal(decode('data:image/png;base64,aGVsbG8'), 'hello')
    assert.equal(decode('data:image/png;base64,aGVsbG8%3D'), 'hello')
    assert.equal(decode('data:image/png;base64,%2B%2F8='), '\xfb\xff')
  })

  it('may be of a recording with several codecs, whose names browsers part by a comma', () => {
    const types = { pattern: /^video\//, words: 'video/…' }
    const clip = (uri: string) =>
      Buffer.from(decodeDataUri(uri, { param: 'p', maxBytes: 99, types })).toString('latin1')
    for (const codecs of ['vp8,opus', '"vp8,opus"', '"avc1.42E01E, mp4a.40.2"', 'vp9'])
      assert.equal(clip(`data:video/webm;codecs=${codecs};base64,aGVsbG8=`), 'hello')
    assert.equal(clip('data:video/webm; codecs=vp8,opus ;base64,aGVsbG8='), 'hello')
    assert.equal(clip('data:video/webm;codecs=vp8,hello'), 'hello')
  })

  it('may be percent-encoded instead', () => {
    assert.equal(decode('data:image/png,%89PNG%0d%0A'), '\x89PNG\r\n')
    assert.equal(decode('data:image/svg+xml,<svg a=",">'), '<svg a=",">')
  })

  it('may be of any length and of little but white space, or have a name of some length, but no endless head', () => {
    const spaces = ' \t\r\n\f'.repeat(10_000)
    assert.equal(decode(`data:image/png;base64,aGVs${spaces}b${spaces}G8=${spaces}`), 'hello')
    refused(`data:image/png;base64,aG ${spaces}éVsbG8=`, /invalid character at position 2$/)
    const name = `name=${'x'.repeat(900)}`
    assert.equal(decode(`data:image/png;${name};base64,aGVsbG8=`), 'hello')
    refused(`data:image/png${';'.repeat(1024)},`, /more than 1024 characters before its data/)
  })

  it('gives back any bytes that were encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const buffer = Buffer.from(bytes)
        const percent = buffer.toString('hex').replace(/../g, '%$&')
        assert.equal(
          decode(`data:image/x;base64,${buffer.toString('base64')}`),
          buffer.toString('latin1'),
        )
        assert.equal(decode(`data:image/x,${percent}`), buffer.toString('latin1'))
      }),
    )
  })

  it('is read the same in one go and with care', () => {
    const outcome = (data: string) => {
      try {
        return decode(`data:image/png;base64,${data}`, 10_000)
      } catch (error) {
        return String(error)
      }
    }
    const clean = fc.constantFrom('A', 'QUI', 'QUJD', '+/9z', 'QQ', '='.repeat(2))
    const odd = fc.constantFrom(
      '=',
      '-',
      '_',
      ' ',
      '\r\n',
      '%2B',
      '%41',
      '%',
      '%3D',
      '.',
      '\0',
      'é',
      'Ł',
    )
    const weighted = fc.oneof({ arbitrary: clean, weight: 6 }, { arbitrary: odd, weight: 1 })
    let accepted = 0
    fc.assert(
      fc.property(fc.array(weighted, { maxLength: 24 }), (parts) => {
        const data = parts.join('')
        const fast = outcome(data)
        // White space in the last place moves no position and is never read in one go.
        assert.equal(fast, outcome(`${data} `), JSON.stringify(data))
        if (!fast.startsWith('AerieError')) accepted += 1
      }),
      { numRuns: 3000 },
    )
    assert.ok(accepted > 100, `only ${accepted} of 3000 were accepted`)
  })

  it('may hold nothing from beyond the alphabet, wherever it stands', () => {
    const digits = 'QUJD'.repeat(30)
    for (const stranger of ['-', '_', '=', '.', '\0', 'é', 'Ł', '\u{1f426}']) {
      for (const at of [0, 1, 59, 117]) {
        const data = digits.slice(0, at) + stranger + digits.slice(at + stranger.length)
        refused(`data:image/png;base64,${data}`, new RegExp(`invalid character at position ${at}$`))
      }
    }
  })

  it('must say that it is a picture', () => {
    refused('data:text/html;base64,aGVsbG8=', /media type image\/….*"text\/html"/)
    refused('data:;base64,aGVsbG8=', /media type/)
    refused('data:,hello', /media type/)
    refused('data:image/;base64,aGVsbG8=', /media type/)
    refused('data:image/png;base64', /no comma/)
  })

  it('must have its parameters in order', () => {
    refused('data:image/png;base64;charset=utf-8,aGVsbG8=', /parameter/)
    refused('data:image/png;nonsense,aGVsbG8=', /parameter/)
  })

  it('must be whole and clean, with the place of the damage in the message', () => {
    refused('data:image/png;base64,', /no data/)
    refused('data:image/png;base64,aGV$bG8=', /invalid character at position 3/)
    refused('data:image/png;base64,aGVs-_8=', /invalid character at position 4/)
    refused('data:image/png;base64,aGVsb', /one digit is left over/)
    refused('data:image/png;base64,aGVsbG8==', /padding/)
    refused('data:image/png;base64,aGVsbG8===', /invalid character/)
    refused('data:image/png;base64,aGVsbG8=aGVs', /invalid character/)
    refused('data:image/png,%8', /escape at position 0/)
    refused('data:image/png,a%zzb', /escape at position 1/)
    refused('data:image/png,é', /invalid character at position 0/)
  })

  it('must not be larger than allowed', () => {
    const uri = `data:image/png;base64,${Buffer.alloc(1001).toString('base64')}`
    refused(uri, /1001 bytes, maxImageBytes is 1000/, 'media_too_large')
  })

  it('fails only as a client error, whatever it holds', () => {
    const parts = fc.constantFrom(
      'data:',
      'image/png',
      ';',
      'base64',
      ',',
      '%',
      '=',
      'QUJD',
      '\0',
      'é',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(parts, fc.string())), (pieces) => {
        try {
          decode(`data:${pieces.join('')}`)
        } catch (error) {
          assert.ok(error instanceof AerieError, String(error))
          assert.equal(error.code, 'invalid_media')
        }
      }),
      { numRuns: 500 },
    )
  })
})
