/** Files of sound to spectrograms: every format that is taken, everything that is refused, and what is left behind: nothing. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { ProgramWords } from '../../../src/errors.ts'
import { type SoundOptions, Sounds } from '../../../src/media/sound/sounds.ts'
import { isProcessAlive } from '../../../src/process-alive.ts'
import { propertyRuns } from '../../support/property-runs.ts'
import { relativeError } from '../../support/relative-error.ts'
import { SPEECH_WAV, saidMel, saidSamples, wavFile } from '../../support/speech-fixture.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0
const needsFfmpeg = hasFfmpeg ? {} : { skip: 'ffmpeg is not installed' }
const never = new AbortController().signal
const OPTIONS: SoundOptions = {
  workers: 2,
  maxWaiting: 3,
  maxSeconds: 20,
  timeoutMs: 300_000,
  maxBytesInUse: 64 * 2 ** 20,
  ffmpegPath: 'ffmpeg',
  searchPath: process.env['PATH']!,
  maxFfmpegBytes: 1024 * 2 ** 20,
}

const temporary = await temporaryFolder()
const folder = temporary.path
after(() => temporary[Symbol.asyncDispose]())
const at = (name: string) => join(folder, name)

function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args])
}

/** May make folders and no files: bounds of the system see to that. */
function program(name: string, body: string): string {
  writeFileSync(at(name), `#!/bin/sh\n${body}\n`)
  chmodSync(at(name), 0o755)
  return at(name)
}

/** Which processes a program has been; `add` is its first line. */
function pidsOf(name: string) {
  mkdirSync(at(name))
  const all = () => readdirSync(at(name)).map(Number)
  return {
    add: `mkdir ${at(name)}/$$`,
    count: () => all().length,
    alive: () => all().filter((pid) => isProcessAlive(pid)),
  }
}

async function load(path: string, changes: Partial<SoundOptions> = {}, signal = never) {
  const sounds = new Sounds({ ...OPTIONS, ...changes })
  try {
    const file = { path, byteLength: statSync(path).size, param: 'file' }
    const sound = await sounds.load(file, { bins: 80, leastSeconds: 30 }, signal)
    sounds.release(sound)
    assert.equal(sounds.stats().bytesInUse, 0)
    return sound
  } finally {
    await sounds.dispose()
  }
}

const refused = (code: string, message: RegExp) => (error: { code?: string; message: string }) => {
  assert.equal(error.code, code, error.message)
  assert.match(error.message, message)
  assert.doesNotMatch(error.message, /\/tmp|ffmpeg ended/)
  return true
}

/** What ffmpeg said, as the log gets it. */
function wordsBehind({ cause }: Error): string {
  assert.ok(cause instanceof ProgramWords)
  return cause.message
}

describe('a WAV of plain samples at 16 kHz', () => {
  it('is read without ffmpeg, to the very samples', async () => {
    const { mel, seconds, reader } = await load(SPEECH_WAV, { ffmpegPath: '/nowhere/ffmpeg' })
    assert.equal(reader, 'wav')
    assert.equal(seconds, saidSamples().length / 16_000)
    assert.deepEqual(mel.data, saidMel())
  })

  for (const codec of ['pcm_u8', 'pcm_s24le', 'pcm_s32le', 'pcm_f32le', 'pcm_f64le'])
    it(`also of ${codec}, in two channels`, needsFfmpeg, async () => {
      ffmpeg('-i', SPEECH_WAV, '-af', 'pan=stereo|c0=c0|c1=c0', '-c:a', codec, at(`${codec}.wav`))
      const { mel, reader } = await load(at(`${codec}.wav`), { ffmpegPath: '/nowhere/ffmpeg' })
      assert.equal(reader, 'wav')
      if (codec !== 'pcm_u8') assert.ok(relativeError(mel.data, saidMel()) < 1e-3)
    })

  it('is read to where it ends, if that is before it says that it does', async () => {
    writeFileSync(at('cut.wav'), readFileSync(SPEECH_WAV).subarray(0, 44 + 32_001))
    const { seconds, missingSeconds } = await load(at('cut.wav'))
    assert.equal(seconds, 1)
    assert.equal(missingSeconds, (saidSamples().length * 2 - 32_001) / 32_000)
    assert.equal((await load(SPEECH_WAV)).missingSeconds, 0)
  })

  it('is not taken for one that was cut short where it was written into a pipe', async () => {
    for (const size of [0, 0xffff_ffff, 0x7fff_f000]) {
      const bytes = readFileSync(SPEECH_WAV)
      bytes.writeUInt32LE(size, 40)
      writeFileSync(at('piped.wav'), bytes)
      const { seconds, missingSeconds } = await load(at('piped.wav'))
      assert.equal(seconds, saidSamples().length / 16_000)
      assert.equal(missingSeconds, 0)
    }
  })

  it('of any other rate tells what is missing of it, too', needsFfmpeg, async () => {
    const whole = wavFile(new Float32Array(16_000), 8000)
    writeFileSync(at('cut-8000.wav'), whole.subarray(0, 44 + 8000))
    const { seconds, missingSeconds, reader } = await load(at('cut-8000.wav'))
    assert.equal(reader, 'ffmpeg')
    assert.ok(Math.abs(seconds - 0.5) < 0.01)
    assert.equal(missingSeconds, 1.5)
  })

  it('whatever its bytes, gives a spectrogram or one of our errors', async (t) => {
    const { missingFromWav, readWavFormat, toMono } = await import(
      '../../../src/media/sound/wav.ts'
    )
    const good = wavFile(saidSamples().subarray(0, 200))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 8 }),
        fc.nat(good.length),
        async (changes, end) => {
          const bytes = Buffer.from(good.subarray(0, end))
          for (const [place, value] of changes) if (place < end) bytes[place] = value
          const read = async (offset: number, length: number) =>
            bytes.subarray(offset, offset + length)
          const missing = await missingFromWav(read, bytes.length)
          assert.ok(missing >= 0 && Number.isFinite(missing))
          try {
            const format = await readWavFormat(read, 'file')
            if (format)
              assert.ok(toMono(bytes.subarray(format.offset), format).every(Number.isFinite))
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'invalid_media')
          }
        },
      ),
      propertyRuns(300, t),
    )
  })
})

describe('other formats, by ffmpeg', () => {
  const formats: Readonly<Record<string, readonly string[]>> = {
    'stereo-44100.wav': ['-ac', '2', '-ar', '44100'],
    'adpcm.wav': ['-c:a', 'adpcm_ms'],
    'said.mp3': ['-b:a', '64k'],
    'said.flac': [],
    'vorbis.ogg': ['-c:a', 'libvorbis'],
    'opus.ogg': ['-c:a', 'libopus', '-b:a', '32k'],
    'said.m4a': ['-c:a', 'aac', '-b:a', '64k'],
    'said.webm': ['-c:a', 'libopus'],
  }
  for (const [name, args] of Object.entries(formats))
    it(`${name} sounds as the original does`, needsFfmpeg, async () => {
      ffmpeg('-i', SPEECH_WAV, ...args, at(name))
      const { mel, seconds, reader } = await load(at(name))
      assert.equal(reader, 'ffmpeg')
      assert.ok(Math.abs(seconds - saidSamples().length / 16_000) < 0.15, `${seconds} s`)
      // Codecs change what is hardly heard: the mean over all that is, not the largest.
      const expected = saidMel()
      const loud = [...expected.keys()].filter((i) => expected[i]! > 0.3)
      const apart = loud.reduce((sum, i) => sum + Math.abs(mel.data[i]! - expected[i]!), 0)
      assert.ok(apart / loud.length < 0.15, `${apart / loud.length}`)
    })

  it('the sound track of a clip is found behind its pictures', needsFfmpeg, async () => {
    const picture = ['-f', 'lavfi', '-i', 'testsrc=s=64x64:d=2']
    ffmpeg(
      ...picture,
      '-i',
      SPEECH_WAV,
      '-c:v',
      'mpeg4',
      '-c:a',
      'aac',
      '-shortest',
      at('clip.mp4'),
    )
    const { seconds } = await load(at('clip.mp4'))
    assert.ok(seconds > 1.5 && seconds < 2.5, `${seconds}`)
  })

  it('a clip without sound is refused with that reason', needsFfmpeg, async () => {
    ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x64:d=1', '-c:v', 'mpeg4', at('silent.mp4'))
    await assert.rejects(
      load(at('silent.mp4')),
      refused('invalid_media', /^file: there is no sound in it/),
    )
  })

  for (const [name, bytes] of [
    ['a text', Buffer.from('This is no sound at all, whatever its name says.')],
    ['nothing', Buffer.alloc(0)],
    ['noise', Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256))],
  ] as const)
    it(`${name} is refused`, needsFfmpeg, async () => {
      writeFileSync(at('other'), bytes)
      await assert.rejects(
        load(at('other')),
        refused('invalid_media', /^file: the sound cannot be decoded/),
      )
    })

  it('a WAV without samples is refused', async () => {
    writeFileSync(at('empty.wav'), wavFile(new Float32Array(0)))
    await assert.rejects(
      load(at('empty.wav')),
      refused('invalid_media', /^file: the sound is empty/),
    )
  })

  it('where ffmpeg is missing, they are refused with what is read without it', async () => {
    writeFileSync(at('rate.wav'), wavFile(saidSamples(), 8000))
    const missing = load(at('rate.wav'), { ffmpegPath: '/nowhere/ffmpeg' })
    await assert.rejects(
      missing,
      refused('unsupported_media', /needs ffmpeg.*aerie doctor.*WAV of plain samples/),
    )
  })
})

describe('hostile sound', () => {
  for (const [name, text] of [
    [
      'an HLS playlist',
      (url: string) =>
        `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${url}/a.ts\n#EXT-X-ENDLIST\n`,
    ],
    ['a concat script', (url: string) => `ffconcat version 1.0\nfile '${url}/a.wav'\n`],
    [
      'an SDP description',
      () =>
        'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n',
    ],
  ] as const)
    it(
      `${name} that names an internal address is refused, and nobody calls there`,
      needsFfmpeg,
      async () => {
        let calls = 0
        const server = createServer((_, response) => {
          calls += 1
          response.end('x')
        })
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        writeFileSync(
          at('list.m3u8'),
          text(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
        )
        await assert.rejects(load(at('list.m3u8')), refused('invalid_media', /^file: /))
        server.close()
        assert.equal(calls, 0)
      },
    )

  for (const [name, text] of [
    ['a concat script', "ffconcat version 1.0\nfile 'another.wav'\n"],
    [
      'an HLS playlist',
      '#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nanother.wav\n#EXT-X-ENDLIST\n',
    ],
  ] as const)
    it(`${name} that names another file of this machine is refused`, needsFfmpeg, async () => {
      writeFileSync(at('another.wav'), wavFile(saidSamples(), 22_050))
      writeFileSync(at('list.m3u8'), text)
      await assert.rejects(load(at('list.m3u8')), refused('invalid_media', /^file: /))
    })

  it('a small file of hours of sound is stopped at the limit', needsFfmpeg, async () => {
    ffmpeg(
      '-f',
      'lavfi',
      '-i',
      'anullsrc=r=8000:cl=mono',
      '-t',
      '3600',
      '-c:a',
      'flac',
      at('hours.flac'),
    )
    assert.ok(statSync(at('hours.flac')).size < 2 ** 20)
    await assert.rejects(
      load(at('hours.flac')),
      refused('media_too_large', /longer than 20 s \(maxSoundSeconds\)/),
    )
  })

  it('an ffmpeg that writes for ever is ended at the limit', async () => {
    const pids = pidsOf('endless.pids')
    const endless = program('endless', `${pids.add}; exec cat /dev/zero`)
    writeFileSync(at('any.mp3'), 'x')
    await assert.rejects(
      load(at('any.mp3'), { ffmpegPath: endless }),
      refused('media_too_large', /longer than 20 s/),
    )
    assert.deepEqual(pids.alive(), [])
    assert.equal(pids.count(), 1)
  })

  it('an ffmpeg that hangs is ended when its time is up', async () => {
    const pids = pidsOf('hanging.pids')
    const hanging = program('hanging', `${pids.add}; exec sleep 600`)
    writeFileSync(at('any.mp3'), 'x')
    // On a machine that does other things it may not be there yet when its time is up.
    for (let timeoutMs = 1000; pids.count() === 0; timeoutMs *= 2)
      await assert.rejects(
        load(at('any.mp3'), { ffmpegPath: hanging, timeoutMs }),
        refused('media_too_large', /longer than \d+ ms to decode \(soundTimeoutMs\)/),
      )
    assert.deepEqual(pids.alive(), [])
    assert.equal(pids.count(), 1)
  })

  it('an ffmpeg that complains without an end is ended, and next to nothing is kept of that', async () => {
    const pids = pidsOf('complaining.pids')
    const complaining = program('complaining', `${pids.add}; exec tr '\\0' x < /dev/zero >&2`)
    writeFileSync(at('any.mp3'), 'x')
    let words = ''
    await assert.rejects(load(at('any.mp3'), { ffmpegPath: complaining }), (error: Error) => {
      words = wordsBehind(error)
      return refused('invalid_media', /cannot be decoded/)(error)
    })
    assert.deepEqual(pids.alive(), [])
    assert.equal(pids.count(), 1)
    assert.match(words, /complains without an end/)
    assert.ok(words.length < 1000)
  })

  it('the last words of an ffmpeg are for the log alone', async () => {
    const failing = program('failing', 'echo "secret words of ffmpeg" >&2; exit 1')
    writeFileSync(at('any.mp3'), 'x')
    await assert.rejects(load(at('any.mp3'), { ffmpegPath: failing }), (error: Error) => {
      assert.doesNotMatch(error.message, /secret/)
      // The log has them at debug, as those about clips: test/media/video/words.test.ts.
      assert.match(wordsBehind(error), /secret words of ffmpeg/)
      return true
    })
  })

  it('an ffmpeg is bound by the system: memory, processor time, no files, no core', async () => {
    const bounds = at('bounds')
    mkdirSync(bounds)
    const body = ['v', 't', 'f', 'c'].map((kind) => `mkdir ${bounds}/${kind}$(ulimit -${kind})`)
    const bounded = program('bounded', `${body.join('; ')}; exit 1`)
    writeFileSync(at('any.mp3'), 'x')
    await assert.rejects(
      load(at('any.mp3'), {
        ...{ ffmpegPath: bounded, maxFfmpegBytes: 512 * 2 ** 20, timeoutMs: 20_000 },
      }),
      refused('invalid_media', /cannot be decoded/),
    )
    assert.deepEqual(readdirSync(bounds).sort(), ['c0', 'f0', 't65', 'v524288'])
  })

  it('an ffmpeg gets nothing of the environment but where programs lie', async () => {
    const names = at('environment')
    mkdirSync(names)
    const nosy = program('nosy', `env | cut -d= -f1 | xargs -I{} mkdir ${names}/{}; exit 1`)
    writeFileSync(at('any.mp3'), 'x')
    await assert.rejects(
      load(at('any.mp3'), { ffmpegPath: nosy }),
      refused('invalid_media', /cannot be decoded/),
    )
    // The shell sets these itself.
    const seen = readdirSync(names)
    assert.ok(seen.includes('PATH'))
    const rest = seen.filter((name) => !/^(PATH|PWD|OLDPWD|SHLVL|_)$/.test(name))
    assert.deepEqual(rest, [])
  })
})

describe('many sounds', () => {
  let sounds: Sounds
  let pids: ReturnType<typeof pidsOf>
  before(() => {
    pids = pidsOf('patient.pids')
    const hanging = program('patient', `${pids.add}; exec sleep 600`)
    writeFileSync(at('any.mp3'), 'x')
    sounds = new Sounds({ ...OPTIONS, ffmpegPath: hanging })
  })
  after(() => sounds.dispose())

  it('are decoded a few at a time, wait in a bounded queue, and leave it when nobody waits for them', async () => {
    const abort = new AbortController()
    const file = { path: at('any.mp3'), byteLength: 1, param: 'file' }
    const settled = Promise.allSettled(
      Array.from({ length: 7 }, () =>
        sounds.load(file, { bins: 80, leastSeconds: 30 }, abort.signal),
      ),
    )
    while (pids.count() < 2) await delay(20)
    assert.equal(sounds.stats().running, 2)
    assert.equal(sounds.stats().waiting, 3)
    abort.abort()
    const codes = (await settled).map((one) => (one as PromiseRejectedResult).reason.code).sort()
    assert.deepEqual(codes, [...Array(5).fill('cancelled'), 'queue_full', 'queue_full'])
    while (sounds.stats().running > 0) await delay(20)
    assert.deepEqual(pids.alive(), [])
    assert.equal(sounds.stats().bytesInUse, 0)
  })
})
