/** The held-out sounds of the starter: reproducible, and true by their samples. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { wavOf } from '../../models/starter/eval/hearing/exam.ts'
import { questionsAbout } from '../../models/starter/eval/hearing/questions.ts'
import { figuresOf, type Heard } from '../../models/starter/eval/hearing/report.ts'
import { drawSound, KINDS, RATE, type Sound } from '../../models/starter/eval/hearing/sound.ts'
import { drawVoice, hasSpeaker } from '../../models/starter/eval/hearing/voice.ts'
import { createRandom } from '../../models/starter/eval/random.ts'
import { readWavFormat } from '../../src/media/sound/wav.ts'

const SEEDS = Array.from({ length: 12 }, (_, i) => 100 + i)
const SILENT = KINDS.filter((kind) => kind !== 'voice')
const withoutSpeaker = (await hasSpeaker()) ? false : 'espeak-ng is not installed'

describe('a held-out sound', () => {
  it('is the same for the same seed, and another for another', () => {
    for (const kind of SILENT) {
      const [first, same, other] = [3, 3, 4].map((seed) => drawSound(kind, createRandom(seed)))
      assert.deepEqual(first, same)
      assert.notDeepEqual(first!.samples.subarray(0, 2000), other!.samples.subarray(0, 2000))
    }
  })

  it('lasts less than a window of the tower and stays in range', () => {
    for (const kind of SILENT) {
      for (const seed of SEEDS) {
        const { samples } = drawSound(kind, createRandom(seed))
        assert.ok(samples.length > 0 && samples.length < 5.12 * RATE, `${kind} ${seed}`)
        assert.ok(
          samples.every((sample) => Math.abs(sample) <= 1),
          `${kind} ${seed}`,
        )
      }
    }
  })

  it('beeps as often as it says', () => {
    for (const seed of SEEDS) {
      const sound = drawSound('beep', createRandom(seed))
      assert.equal(burstsOf(sound), sound.beeps, `seed ${seed}`)
    }
  })

  it('rises or falls as it says', () => {
    for (const seed of SEEDS) {
      const [up, down] = (['rising', 'falling'] as const).map((kind) => {
        const { samples } = drawSound(kind, createRandom(seed))
        const loud = loudPart(samples)
        const half = Math.floor(loud.length / 2)
        return crossings(loud.subarray(half)) - crossings(loud.subarray(0, half))
      })
      assert.ok(up! > 0 && down! < 0, `seed ${seed}: ${up} and ${down}`)
    }
  })

  it('is sent as WAV that the server reads without ffmpeg', async () => {
    const sound = drawSound('bell', createRandom(1))
    const wav = wavOf(sound)
    const format = await readWavFormat(
      (at, length) => Promise.resolve(wav.subarray(at, at + length)),
      'sound',
    )
    assert.equal(format?.byteLength, 2 * sound.samples.length)
    assert.equal(format?.channels, 1)
  })

  it('is spoken in the words that it says', { skip: withoutSpeaker }, async () => {
    const [one, same] = [await drawVoice(createRandom(9)), await drawVoice(createRandom(9))]
    assert.deepEqual(one, same)
    assert.ok(one.words.length === 1 || one.words.length === 2)
    assert.ok(loudPart(one.samples).length > 0.15 * RATE, 'nothing is said')
  })
})

describe('questions about a sound', () => {
  it('know nothing but the sound: beeps are counted, tones have a direction, nobody speaks', () => {
    const asked = (kind: (typeof SILENT)[number]) =>
      questionsAbout(drawSound(kind, createRandom(5)), createRandom(6))
    const beep = drawSound('beep', createRandom(5))
    const number = ['one', 'two', 'three', 'four'][beep.beeps - 1]
    assert.equal(asked('beep').find(({ row }) => row === 'count')?.answer, number)
    assert.equal(asked('falling').find(({ row }) => row === 'direction')?.answer, 'it falls')
    assert.equal(asked('bell').find(({ row }) => row === 'kind')?.answer, 'a bell')
    assert.equal(
      asked('bell').find(({ row }) => row === 'noWord')?.answer,
      'i do not hear a voice.',
    )
    assert.ok(asked('bell').every(({ question }) => !question.includes('{')))
  })

  it('count as right when every character is, by row and by kind', () => {
    const heard = (given: string): Heard => ({
      ...questionsAbout(drawSound('bell', createRandom(5)), createRandom(6)).find(
        ({ row }) => row === 'kind',
      )!,
      kind: 'bell',
      given,
    })
    const { rows, kinds } = figuresOf([heard('a bell'), heard('a bell.'), heard('a buzz')])
    const row = rows.find(({ label }) => label === 'kind of sound')
    assert.deepEqual([row?.score.right, row?.score.n], [1, 3])
    assert.equal(kinds.find(({ kind }) => kind === 'bell')?.score.n, 3)
  })
})

/** From the first loud 5 ms to the last. */
function loudPart(samples: Float32Array): Float32Array {
  const loud = loudSteps(samples)
  return samples.subarray(loud.indexOf(true) * 80, (loud.lastIndexOf(true) + 1) * 80)
}

function loudSteps(samples: Float32Array): boolean[] {
  const steps = Array.from({ length: Math.floor(samples.length / 80) }, (_, i) =>
    samples.subarray(i * 80, i * 80 + 80).reduce((sum, sample) => sum + sample * sample, 0),
  )
  const most = Math.max(...steps)
  return steps.map((power) => power > most / 8)
}

/** Loud stretches with at least 50 ms of silence between them. */
function burstsOf({ samples }: Sound): number {
  let [bursts, quiet] = [0, 10]
  for (const isLoud of loudSteps(samples)) {
    if (isLoud && quiet >= 10) bursts += 1
    quiet = isLoud ? 0 : quiet + 1
  }
  return bursts
}

function crossings(samples: Float32Array): number {
  let count = 0
  for (let i = 1; i < samples.length; i++) if (samples[i - 1]! < 0 !== samples[i]! < 0) count += 1
  return count
}
