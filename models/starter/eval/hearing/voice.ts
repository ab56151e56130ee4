/** Words said by espeak-ng in voices that training leaves out. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { COLORS, language } from '../language.ts'
import type { Random } from '../random.ts'
import { RATE, type Sound, surrounded } from './sound.ts'

const run = promisify(execFile)
const HEADER_BYTES = 44
/** Of espeak-ng's voices, in samples a second. */
const SPOKEN_RATE = 22_050
const ACCENTS = ['en-us', 'en-gb']
/** Those of `HELD_OUT_VARIANTS` in train/starter/sounds.py. */
const VARIANTS = ['+f5', '+m4', '+m8', '+Andrea', '+Michael']

export const WORDS: readonly string[] = [...language.kinds, ...COLORS, ...language.hearing.commands]

export async function hasSpeaker(): Promise<boolean> {
  return run('espeak-ng', ['--version']).then(
    () => true,
    () => false,
  )
}

/** One word or, one time in three, a colour and a kind in one breath. Rejects where espeak-ng fails. */
export async function drawVoice(random: Random): Promise<Sound> {
  const words = random.chance(1 / 3)
    ? [random.pick(COLORS), random.pick(language.kinds)]
    : [random.pick(WORDS)]
  const voice = random.pick(ACCENTS) + random.pick(VARIANTS)
  const [speed, pitch] = [130 + random.below(56), 35 + random.below(31)]
  const options = ['-v', voice, '-s', `${speed}`, '-p', `${pitch}`, '--stdout', words.join(' ')]
  const { stdout } = await run('espeak-ng', options, { encoding: 'buffer' })
  const spoken = new Int16Array(
    Uint8Array.from(stdout.subarray(HEADER_BYTES, stdout.length - (stdout.length % 2))).buffer,
  )
  const heard = Array.from(spoken.keys()).filter((i) => Math.abs(spoken[i]!) > 200)
  const [first, last] = [heard[0], heard.at(-1)]
  if (first === undefined || last === undefined) throw new Error(`espeak-ng says nothing: ${voice}`)
  const bare = resampled(Float32Array.from(spoken.subarray(first, last + 1), (s) => s / 32_768))
  return { kind: 'voice', words, beeps: 0, samples: surrounded(bare, random) }
}

/** From 22.05 to 16 kHz: a windowed sinc, 16 samples to each side. */
function resampled(samples: Float32Array): Float32Array {
  const step = SPOKEN_RATE / RATE
  const reach = 16
  return Float32Array.from({ length: Math.floor(samples.length / step) }, (_, i) => {
    const at = i * step
    let sum = 0
    for (let k = Math.ceil(at - reach); k <= at + reach; k++) {
      const x = (at - k) / step
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
      const window = 0.5 + 0.5 * Math.cos((Math.PI * (at - k)) / reach)
      sum += (samples[k] ?? 0) * sinc * window
    }
    return sum / step
  })
}
