/** The examination of the ears: sounds are drawn while the model answers. */
import type { Examinee } from '../examinee.ts'
import { createRandom } from '../random.ts'
import { questionsAbout, questionWithoutSound } from './questions.ts'
import type { Heard } from './report.ts'
import { drawSound, KINDS, RATE, type Sound, type SoundKind } from './sound.ts'
import { drawVoice } from './voice.ts'

export interface ExamOptions {
  readonly sounds: number
  /** Sounds of `seed`, `seed` + 1, … are drawn. */
  readonly seed: number
  /** Whether there is espeak-ng. Half of the sounds are voices then, otherwise none. */
  readonly voices: boolean
  /** Sounds in the works at a time. */
  readonly concurrency: number
}

const SILENT = KINDS.filter((kind): kind is Exclude<SoundKind, 'voice'> => kind !== 'voice')

/** Resolves with every answer, in order of sounds. Rejects with the first error of drawing or of the model. */
export async function examineSounds(model: Examinee, options: ExamOptions): Promise<Heard[]> {
  const { sounds, seed, voices, concurrency } = options
  const answers: Heard[][] = []
  let next = 0
  const worker = async () => {
    while (next < sounds) {
      const i = next++
      const random = createRandom(seed + i)
      const speaks = voices && random.chance(0.5)
      const sound = speaks ? await drawVoice(random) : drawSound(random.pick(SILENT), random)
      const wav = wavOf(sound)
      const asked: Promise<Heard>[] = questionsAbout(sound, random).map(async (question) => ({
        ...question,
        kind: sound.kind,
        given: await model.ask(question.question, undefined, wav),
      }))
      if (i % 5 === 0) {
        const question = questionWithoutSound(random)
        const given = model.ask(question.question, undefined)
        asked.push(given.then((given) => ({ ...question, kind: undefined, given })))
      }
      answers[i] = await Promise.all(asked)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return answers.flat()
}

/** PCM of 16 bits. */
export function wavOf({ samples }: Sound): Buffer {
  const bytes = Buffer.alloc(44 + 2 * samples.length)
  bytes.write('RIFF', 0)
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(RATE, 24)
  bytes.writeUInt32LE(2 * RATE, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36)
  bytes.writeUInt32LE(2 * samples.length, 40)
  for (const [i, sample] of samples.entries())
    bytes.writeInt16LE(Math.round(sample * 32_767), 44 + 2 * i)
  return bytes
}
