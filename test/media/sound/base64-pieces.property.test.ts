/** Base64 that is unpacked piece by piece, against Node's own decoder of the whole. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { base64Of, base64Pieces } from '../../../src/media/sound/base64-pieces.ts'
import { propertyRuns } from '../../support/property-runs.ts'

async function unpack(text: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of base64Pieces(text, 'p')) pieces.push(piece)
  return Buffer.concat(pieces)
}

const damaged = (message: RegExp) => ({ code: 'invalid_media', param: 'p', message })

describe('base64 in pieces', () => {
  it('gives the bytes of the whole, however it is wrapped', async (t) => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 })
    const line = fc.integer({ min: 1, max: 100 })
    await fc.assert(
      fc.asyncProperty(bytes, line, async (some, width) => {
        const wrapped = Buffer.from(some)
          .toString('base64')
          .replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n')
        assert.deepEqual(await unpack(wrapped), Buffer.from(some))
      }),
      propertyRuns(200, t),
    )
  })

  it('gives those of several pieces, and says which of them is damaged', async () => {
    const bytes = Buffer.alloc(200_000, 'sound')
    const text = bytes.toString('base64')
    assert.deepEqual(await unpack(text), bytes)
    assert.deepEqual(await unpack(text.replace(/.{76}/g, '$&\n')), bytes)
    const broken = `${text.slice(0, 150_000)}*${text.slice(150_001)}`
    await assert.rejects(unpack(broken), damaged(/^p: base64 is damaged behind character 131072$/))
  })

  it('refuses none, half a byte, and padding in the middle', async () => {
    await assert.rejects(unpack(' \n'), damaged(/base64 has no data/))
    await assert.rejects(unpack('data:audio/wav;base64,AAAA'), damaged(/got a data: URI/))
    await assert.rejects(unpack('AAAAA'), damaged(/damaged or cut short/))
    const middle = `${'A'.repeat(65_534)}==${'A'.repeat(8)}`
    await assert.rejects(unpack(middle), damaged(/damaged behind character 0/))
  })
})

describe('a data: URI of a sound', () => {
  it('is its base64', () => {
    assert.equal(base64Of('data:audio/wav;base64,AAAA', 'p'), 'AAAA')
    assert.equal(base64Of('data:audio/ogg;codecs=opus;base64,AAAA', 'p'), 'AAAA')
    assert.equal(base64Of('data:video/webm;codecs=vp8,opus;base64,AAAA', 'p'), 'AAAA')
    assert.equal(base64Of('data:application/octet-stream;base64,AAAA', 'p'), 'AAAA')
  })

  for (const [uri, message] of [
    ['data:audio/wav;base64', /no comma/],
    ['data:audio/wav,AAAA', /must be in base64/],
    ['data:image/png;base64,AAAA', /of a media type audio\/…, not "image\/png"/],
    ['data:,AAAA', /of a media type audio\/…, not ""/],
  ] as const)
    it(`is refused as ${uri}`, () => {
      assert.throws(() => base64Of(uri, 'p'), damaged(message))
    })
})
