/** Questions about a scene with their true answers; only such as have one answer that nobody would dispute. */
import { language } from './language.ts'
import { attributes, comparisons, placeAndSize } from './questions/named.ts'
import { absences, counts, existence } from './questions/presence.ts'
import { asker, type Question } from './questions/question.ts'
import { objectsAlone, reading, wholePicture } from './questions/whole.ts'
import { createRandom } from './random.ts'
import type { Scene } from './scene.ts'
import { KINDS } from './shapes/index.ts'

export type { Question, Task } from './questions/question.ts'

/** Most questions that are put to one picture. */
const MOST_PER_PICTURE = 9

/** A random choice of the questions that a scene allows; the same scene gives the same ones. */
export function questionsAbout(scene: Scene): Question[] {
  const random = createRandom(scene.seed ^ 0x9a5c)
  const ask = asker(random)
  const all = [
    ...wholePicture(scene, ask),
    ...objectsAlone(scene, ask),
    ...reading(scene, ask),
    ...attributes(scene, random, ask),
    ...existence(scene, random, ask),
    ...counts(scene, random, ask),
    ...placeAndSize(scene, random, ask),
    ...comparisons(scene, random, ask),
    ...absences(scene, random, ask),
  ]
  return random.shuffle(all).slice(0, MOST_PER_PICTURE)
}

/** `n` questions that need a picture and are asked without one. */
export function questionsWithoutPicture(n: number, seed: number): Question[] {
  const random = createRandom(seed ^ 0x0b5e)
  const ask = asker(random)
  const phrasings = [
    'background',
    'count_all',
    'color_of_kind',
    'exists',
    'place',
    'read_text',
    'caption',
  ] as const
  return Array.from({ length: n }, () => {
    const kind = random.pick(KINDS)
    return ask('no_picture', language.answers.noPicture, random.pick(phrasings), {
      kind,
      thing: kind,
      name: kind,
    })
  })
}
