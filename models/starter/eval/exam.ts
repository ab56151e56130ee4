/** The examination: pictures are drawn while the model answers, and every question is asked seeing and blind. */

import { drawBlank, drawScene } from './draw.ts'
import type { Examinee } from './examinee.ts'
import { questionsAbout, questionsWithoutPicture } from './questions.ts'
import { createScene } from './scene.ts'
import type { Answered } from './tally.ts'

export interface ExamOptions {
  readonly pictures: number
  /** Scenes of `seed`, `seed` + 1, … are drawn. */
  readonly seed: number
  /** Pictures in the works at a time; each has about eight questions that are asked together. */
  readonly concurrency: number
  readonly onPicture?: (done: number) => void
}

/** Resolves with every answer, in order of scenes. Rejects with the first error of drawing or of the model. */
export async function examine(model: Examinee, options: ExamOptions): Promise<Answered[]> {
  const { pictures, seed, concurrency, onPicture } = options
  const answers: Answered[][] = []
  let next = 0
  let done = 0
  const worker = async () => {
    while (next < pictures) {
      const i = next++
      answers[i] = await examineScene(model, seed + i)
      onPicture?.(++done)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const unpictured = questionsWithoutPicture(Math.ceil(pictures / 10), seed)
  answers.push(
    await Promise.all(
      unpictured.map(async (question) => ({
        ...question,
        seed,
        objects: 0,
        textLength: 0,
        given: await model.ask(question.question, undefined),
        blind: undefined,
      })),
    ),
  )
  return answers.flat()
}

async function examineScene(model: Examinee, seed: number): Promise<Answered[]> {
  const scene = createScene(seed)
  const [picture, blank] = await Promise.all([
    drawScene(scene),
    drawBlank(scene.width, scene.height),
  ])
  return Promise.all(
    questionsAbout(scene).map(async (question) => {
      const [given, blind] = await Promise.all([
        model.ask(question.question, picture),
        model.ask(question.question, blank),
      ])
      const textLength = scene.text?.string.length ?? 0
      return { ...question, seed, objects: scene.objects.length, textLength, given, blind }
    }),
  )
}
