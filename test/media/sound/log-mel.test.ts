/** Log-mel spectrograms, compared with transformers' `WhisperFeatureExtractor`. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fft } from '../../../src/media/sound/fft.ts'
import { type LogMel, LogMelStream } from '../../../src/media/sound/log-mel.ts'
import { propertyRuns } from '../../support/property-runs.ts'
import { relativeError } from '../../support/relative-error.ts'
import { expectedTensor, longSamples, saidSamples } from '../../support/speech-fixture.ts'

const TOLERANCE = 1e-4

function logMel(samples: Float32Array, { bins = 80, least = 0, piece = samples.length } = {}) {
  const stream = new LogMelStream(bins)
  for (let at = 0; at < samples.length; at += piece) stream.push(samples.subarray(at, at + piece))
  return stream.finish(least)
}

/** `[bins, frames]` of every so-many-th frame. */
function framesOf({ data, bins, frames }: LogMel, first: number, end: number, every: number) {
  const places = Array.from(
    { length: Math.ceil((end - first) / every) },
    (_, i) => first + i * every,
  )
  return Float32Array.from(
    Array.from({ length: bins }, (_, bin) => places.map((at) => data[bin * frames + at]!)).flat(),
  )
}

describe('log-mel', () => {
  for (const bins of [80, 128])
    it(`equals the reference for ${bins} bins and a window of 30 s`, () => {
      const mel = logMel(saidSamples(), { bins, least: 480_000 })
      assert.equal(mel.frames, 3000)
      const error = relativeError(framesOf(mel, 0, 420, 7), expectedTensor(`mel${bins}`))
      assert.ok(error < TOLERANCE, `${error}`)
    })

  it('equals it for a sound that is longer, which is scaled by its loudest moment as a whole', () => {
    const mel = logMel(longSamples())
    assert.equal(mel.frames, 8000)
    const error = relativeError(framesOf(mel, 0, 8000, 400), expectedTensor('mel_long'))
    assert.ok(error < TOLERANCE, `${error}`)
  })

  it('is the same to the last bit in whatever pieces the samples come', (t) => {
    const samples = saidSamples().subarray(0, 6000)
    const whole = logMel(samples)
    fc.assert(
      fc.property(fc.integer({ min: 37, max: 7000 }), (piece) => {
        assert.deepEqual(logMel(samples, { piece }), whole)
      }),
      propertyRuns(10, t, 0.002),
    )
  })

  it('is defined for sounds of a few samples, which silence fills up', () => {
    for (const length of [0, 1, 159, 160, 201]) {
      const { data, frames } = logMel(new Float32Array(length).fill(0.5))
      assert.equal(frames, 1)
      assert.ok(data.every(Number.isFinite))
    }
  })
})

const scaled = (value: number) => value / 32768

describe('the Fourier transform', () => {
  it('equals the sum that defines it, for lengths of any factors', (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 1, maxLength: 40 }),
        (values) => {
          const size = values.length
          const power = new Fft(size).power(
            Float32Array.from(values, scaled),
            new Float64Array(size).fill(1),
          )
          for (let k = 0; k <= size / 2; k++) {
            let [re, im] = [0, 0]
            for (const [i, value] of values.entries()) {
              re += scaled(value) * Math.cos((2 * Math.PI * i * k) / size)
              im -= scaled(value) * Math.sin((2 * Math.PI * i * k) / size)
            }
            assert.ok(Math.abs(power[k]! - (re * re + im * im)) < 1e-9 * size * size)
          }
        },
      ),
      propertyRuns(200, t),
    )
  })
})
