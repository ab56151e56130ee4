/** Sounds on the wire: which parts there are, and what they become. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toInputAudio, toSoundByUrl, toWireExplainedSound } from '../../src/http/wire-sound.ts'
import { trackOf } from '../../src/http/wire-video.ts'

const AT = 'messages[0].content[1].input_audio'

describe('a sound in a message', () => {
  it('is data with its format, a file, or a URL', () => {
    assert.deepEqual(toInputAudio({ data: 'AAAA', format: 'mp3' }, AT), {
      type: 'sound',
      from: { base64: 'AAAA' },
      param: `${AT}.data`,
      claim: { format: 'mp3', param: `${AT}.format` },
    })
    assert.deepEqual(toInputAudio({ file_id: 'file-1' }, AT), {
      type: 'filed-sound',
      fileId: 'file-1',
      param: `${AT}.file_id`,
    })
    const url = 'https://example.org/a.mp3'
    assert.deepEqual(toSoundByUrl(url, 'a'), { type: 'sound', from: { url }, param: 'a' })
    assert.deepEqual(toSoundByUrl({ url }, 'a'), { type: 'sound', from: { url }, param: 'a.url' })
  })

  for (const [audio, got] of [
    [{}, 'neither'],
    [{ format: 'wav' }, 'neither'],
    [{ data: 'AAAA', file_id: 'file-1' }, 'both'],
  ] as const)
    it(`is refused with ${got} of data and file_id: ${JSON.stringify(audio)}`, () => {
      const message = `${AT}: expected either data or file_id, got ${got}`
      assert.throws(() => toInputAudio(audio, AT), { code: 'invalid_request', param: AT, message })
    })
})

describe('the sound of a clip', () => {
  const at = 'messages[0].content[0]'
  const url = 'https://example.org/a.mp4'

  it('is a part behind it where it is asked for', () => {
    const track = [{ type: 'track', param: `${at}.video_url.sound` }]
    assert.deepEqual(trackOf({ type: 'video_url', video_url: { url, sound: true } }, at), track)
    const input = { type: 'input_video', input_video: { data: 'AAAA', sound: true } } as const
    assert.deepEqual(trackOf(input, at), [{ type: 'track', param: `${at}.input_video.sound` }])
  })

  it('is none otherwise', () => {
    assert.deepEqual(trackOf({ type: 'video_url', video_url: url }, at), [])
    assert.deepEqual(trackOf({ type: 'video_url', video_url: { url, sound: false } }, at), [])
    assert.deepEqual(trackOf({ type: 'text', text: 'sound' }, at), [])
  })

  it('is refused beside frames, which have none', () => {
    const frames = [{ url, time: 0 }]
    const part = { type: 'input_video', input_video: { frames, sound: true } } as const
    const param = `${at}.input_video.sound`
    assert.throws(() => trackOf(part, at), { code: 'invalid_request', param })
  })
})

describe('what was heard', () => {
  it('is told in the words of the wire', () => {
    const seen = toWireExplainedSound({
      ...{ param: AT, duration: 1 / 3, windows: 1, tokens: 5, format: 'ogg', codec: 'opus' },
      ...{ bytes: 3, sha256: 'a'.repeat(64), fileId: 'file-1', cached: true, cache: 'memory' },
      stations: { decode: 1.5 },
    })
    assert.deepEqual(seen, {
      ...{ param: AT, duration: 0.333333, windows: 1, tokens: 5, format: 'ogg', codec: 'opus' },
      ...{ bytes: 3, sha256: 'a'.repeat(64), file_id: 'file-1', cached: true, cache: 'memory' },
      timings_ms: { decode: 1.5 },
    })
  })
})
