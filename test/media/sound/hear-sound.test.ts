/** Files of sound to windows of log-mel, as a model that answers hears them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { ffmpegEnvironment } from '../../../src/media/ffmpeg/environment.ts'
import { hearSound, type SoundToHear } from '../../../src/media/sound/hear-sound.ts'
import { LogMelStream } from '../../../src/media/sound/log-mel.ts'
import { NO_FFMPEG } from '../../support/shape-clip.ts'
import { SPEECH_WAV, saidSamples, wavFile } from '../../support/speech-fixture.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

// As the thread has it in which sounds are heard.
const searchPath = process.env['PATH']!
const bounds = { ffmpeg: 'ffmpeg', searchPath, maxFfmpegBytes: 2 ** 30, timeoutMs: 60_000 }
Object.assign(process.env, ffmpegEnvironment(bounds))

const temporary = await temporaryFolder()
after(() => temporary[Symbol.asyncDispose]())
const at = (name: string) => join(temporary.path, name)

function write(name: string, bytes: string | Uint8Array): string {
  writeFileSync(at(name), bytes)
  return at(name)
}

const EARS = { melBins: 80, windowFrames: 64, maxWindows: 4 }
/** Of a window of 0.64 s. */
const WINDOW = 64 * 160

async function hear(path: string, changes: Partial<SoundToHear> = {}) {
  const input = { path, param: 'sound', maxSeconds: 7200, hearing: EARS }
  return await hearSound({ ...input, ...changes }, new AbortController().signal)
}

const refused = (code: string, message: RegExp, param = 'sound') => ({ code, message, param })

describe('a sound in windows', () => {
  it('is the spectrogram of all of it and of silence up to a whole window, cut up', async () => {
    const samples = saidSamples().subarray(0, 2 * WINDOW + 1)
    const { mel, windows, frames, seconds, sha256, format } = await hear(
      write('three.wav', wavFile(samples)),
    )
    assert.deepEqual([windows, frames, seconds, format], [3, 129, samples.length / 16_000, 'wav'])
    const stream = new LogMelStream(80)
    stream.push(samples)
    const whole = stream.finish(3 * WINDOW)
    assert.equal(whole.frames, 3 * 64)
    for (const [window, bin, frame] of [
      [0, 0, 0],
      [1, 5, 63],
      [2, 79, 1],
      [2, 0, 63],
    ] as const)
      assert.equal(
        mel[(window * 80 + bin) * 64 + frame],
        whole.data[bin * whole.frames + window * 64 + frame],
      )
    assert.equal(
      sha256,
      createHash('sha256')
        .update(readFileSync(at('three.wav')))
        .digest('hex'),
    )
  })

  it('that is gone is not found: files are deleted while requests wait', async () => {
    await assert.rejects(hear(at('gone.wav')), refused('not_found', /deleted meanwhile/))
  })

  it('has one window where it is a single sample, and no silent one more where it fills all', async () => {
    const one = await hear(write('one.wav', wavFile(saidSamples().subarray(0, 1))))
    assert.deepEqual([one.windows, one.frames], [1, 1])
    const full = await hear(write('full.wav', wavFile(new Float32Array(4 * WINDOW).fill(0.5))))
    assert.deepEqual([full.windows, full.frames], [4, 256])
  })

  it('that is longer than the model hears is refused, with how much that is', async () => {
    const long = write('long.wav', wavFile(new Float32Array(4 * WINDOW + 1)))
    await assert.rejects(
      hear(long),
      refused('media_too_large', /^sound: the sound is longer; the model hears at most 2\.56 s/),
    )
    const short = { maxSeconds: 1 }
    await assert.rejects(hear(long, short), refused('media_too_large', /maxSoundSeconds is 1$/))
  })

  it('may be a part of a longer one, sample for sample', async () => {
    const said = saidSamples()
    const path = write('whole.wav', wavFile(said))
    const part = await hear(path, { part: { start: 0.5, end: 1 } })
    const alone = await hear(write('part.wav', wavFile(said.subarray(8000, 16_000))))
    assert.deepEqual(part.mel, alone.mel)
    const rest = await hear(path, { part: { start: 2, end: undefined } })
    assert.equal(rest.seconds, (said.length - 32_000) / 16_000)
    await assert.rejects(
      hear(path, { part: { start: 60, end: undefined } }),
      refused('invalid_media', /there is no sound from 60 s on/),
    )
  })

  it('that is empty, or none at all, is refused by what it is', async () => {
    const picture = 'docs/pictures/red-circle-blue-square.png'
    const none = write('none.wav', wavFile(new Float32Array()))
    await assert.rejects(hear(none), refused('invalid_media', /the sound is empty|no samples/))
    await assert.rejects(hear(write('empty', '')), refused('invalid_media', /the sound is empty/))
    await assert.rejects(
      hear(picture),
      refused('invalid_media', /data is a PNG picture, not a sound/),
    )
    await assert.rejects(
      hear(write('a.pdf', '%PDF-1.7\n')),
      refused('invalid_media', /data is a PDF document, not a sound/),
    )
  })
})

describe('what a request says that a sound is', () => {
  const claim = (format: string) => ({ claim: { format, param: 'sound.format' } })

  it('is taken where the bytes say so, too', async () => {
    assert.equal((await hear(SPEECH_WAV, claim('wav'))).format, 'wav')
  })

  it('is refused where the bytes say otherwise', async () => {
    const message =
      /^sound\.format: expected the format of the data, which is a WAVE sound, got "mp3"$/
    const error = refused('invalid_media', message, 'sound.format')
    await assert.rejects(hear(SPEECH_WAV, claim('mp3')), error)
  })

  for (const [format, codec, args] of [
    ['mp3', 'mp3', ['-c:a', 'libmp3lame']],
    ['flac', 'flac', ['-c:a', 'flac']],
    ['ogg', 'vorbis', ['-c:a', 'libvorbis']],
    ['opus', 'opus', ['-c:a', 'libopus']],
    ['m4a', undefined, ['-c:a', 'aac']],
    ['aac', 'aac', ['-c:a', 'aac']],
    ['webm', undefined, ['-c:a', 'libopus']],
    ['aiff', undefined, ['-c:a', 'pcm_s16be']],
  ] as const)
    it(`is known of ${format}, which sounds as the WAV does`, { skip: NO_FFMPEG }, async () => {
      const path = at(`said.${format}`)
      const cut = ['-t', '2']
      execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', SPEECH_WAV, ...cut, ...args, path])
      const heard = await hear(path, claim(format))
      assert.equal(heard.reader, 'ffmpeg')
      assert.equal(heard.codec, codec)
      // A coder's own delay is heard, too.
      assert.ok(Math.abs(heard.seconds - 2) < 0.2, String(heard.seconds))
      const error = refused('invalid_media', /^sound\.format: .* got "wav"$/, 'sound.format')
      await assert.rejects(hear(path, claim('wav')), error)
    })

  it('is looked for behind a tag', { skip: NO_FFMPEG }, async () => {
    const tag = Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\x02\0', 'latin1'), Buffer.alloc(256)])
    const path = write('tagged', Buffer.concat([tag, readFileSync(at('said.flac'))]))
    const error = refused('invalid_media', /which is a FLAC sound, got "mp3"$/, 'sound.format')
    await assert.rejects(hear(path, claim('mp3')), error)
  })
})
