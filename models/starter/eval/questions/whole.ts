/** Questions about the picture as a whole, its only object, or its text. */
import { caption, json } from '../descriptions.ts'
import { language } from '../language.ts'
import type { Scene } from '../scene.ts'
import { readingOrder } from '../truth.ts'
import type { Ask, Question } from './question.ts'

export function wholePicture(scene: Scene, ask: Ask): Question[] {
  const ordered = readingOrder(scene)
  const out = [ask('background', scene.background, 'background')]
  if (ordered !== undefined) {
    out.push(ask('caption', caption(scene, ordered), 'caption'))
    out.push(ask('json', json(scene, ordered), 'json'))
  }
  return out
}

/** Only where there is no text: some would count it as a thing. */
export function objectsAlone({ objects, text }: Scene, ask: Ask): Question[] {
  const [first] = objects
  if (first === undefined || text !== undefined) return []
  const out = [ask('count_all', numberWord(objects.length), 'count_all')]
  if (objects.length === 1) {
    out.push(ask('color_single', first.color, 'color_single'))
    out.push(ask('shape_single', first.kind, 'shape_single'))
  }
  return out
}

export function reading({ text }: Scene, ask: Ask): Question[] {
  if (text === undefined) return []
  return [
    ask(text.sort === 'digits' ? 'read_digits' : 'read_word', text.string, 'read_text'),
    ask('text_color', text.color, 'text_color'),
  ]
}

export function numberWord(n: number): string {
  const name = language.numbers[n]
  if (name === undefined) throw new RangeError(`language.json has no word for ${n}`)
  return name
}
