/** Answers evaluation questions a second time, by what was seen in the pixels and by other code than wrote them. */
import assert from 'node:assert/strict'
import type { Question } from '../../models/starter/eval/questions.ts'
import type { Scene } from '../../models/starter/eval/scene.ts'
import language from '../../models/starter/language.json' with { type: 'json' }
import type { SeenPicture } from './seen-picture.ts'

interface Thing {
  readonly color: string
  readonly kind: string
  readonly x: number
  readonly y: number
  /** Half the longer side. */
  readonly half: number
}

const COLOR = Object.keys(language.colors).join('|')
const KIND = language.kinds.join('|')

/**
 * The answer, or undefined for tasks that pixels cannot decide. The scene only tells which of the things seen
 * is of which kind.
 */
export function answerFromPixels(
  { task, question, answer }: Question,
  scene: Scene,
  seen: SeenPicture,
): string | undefined {
  const things = seen.objects.map(({ color, left, right, top, bottom }): Thing => {
    const [x, y] = [(left + right) / 2, (top + bottom) / 2]
    const far = (object: Scene['objects'][number]) => Math.hypot(object.x - x, object.y - y)
    const { kind } = scene.objects.toSorted((a, b) => far(a) - far(b))[0]!
    return { color, kind, x, y, half: Math.max(right - left, bottom - top) / 2 }
  })
  const words = question.toLowerCase()
  const names = [...words.matchAll(new RegExp(`(?:(${COLOR}) )?\\b(${KIND})\\b`, 'g'))]
  const named = (i: number): Thing => {
    const [, color, kind] = names[i] ?? []
    const of = things.filter((thing) => thing.kind === kind && (!color || thing.color === color))
    assert.equal(of.length, 1, `"${question}" does not name one thing`)
    return of[0]!
  }
  switch (task) {
    case 'background':
      return seen.background
    case 'count_all':
      return language.numbers[things.length]
    case 'count_color':
      return language.numbers[
        things.filter(({ color }) => words.includes(` ${color} `) || words.match(`${color}\\W*$`))
          .length
      ]
    case 'color_single':
      return things[0]!.color
    case 'color_of_kind':
      return named(0).color
    case 'size_of':
      return sizeWord(named(0))
    case 'place':
      return language.places.names[zone(named(0).y)]![zone(named(0).x)]
    case 'relation':
    case 'relation_yes_no': {
      // "relative to the B, where is the A?" names B first; so does "in which direction of the B is the A?"
      const swapped = /(relative to|compared to|seen from) the [^,]+, where|direction of/.test(
        words,
      )
      const relation = swapped
        ? relationWords(named(1), named(0))
        : relationWords(named(0), named(1))
      return task === 'relation' ? relation : words.includes(relation) ? 'yes' : 'no'
    }
    case 'compare_size': {
      const firstIsWanted = named(0).half > named(1).half !== words.includes('smaller')
      return `the ${names[firstIsWanted ? 0 : 1]![0]}`
    }
    case 'caption': {
      const listed = [...answer.matchAll(/an? (\w+) (\w+)(?=,| and| on)/g)].map(
        ([, color, kind]) => [color, kind],
      )
      assert.deepEqual(
        listed.slice(0, things.length),
        inReadingOrder(things).map(({ color, kind }) => [color, kind]),
      )
      return answer
    }
    case 'json':
      return JSON.stringify({
        background: seen.background,
        objects: inReadingOrder(things).map((thing) => ({
          shape: thing.kind,
          color: thing.color,
          size: sizeWord(thing),
        })),
        text: null,
      })
    default:
      return undefined
  }
}

function sizeWord({ half }: Thing): string {
  return half < 14 ? 'small' : half < 22.5 ? 'medium' : 'large'
}

function zone(position: number): number {
  return position < 64 ? 0 : position > 96 ? 2 : 1
}

function relationWords(a: Thing, b: Thing): string {
  const [dx, dy] = [a.x - b.x, a.y - b.y]
  if (Math.abs(dx) > Math.abs(dy)) return dx < 0 ? 'to the left of' : 'to the right of'
  return dy < 0 ? 'above' : 'below'
}

function inReadingOrder(things: readonly Thing[]): Thing[] {
  const row = ({ y }: Thing) => Math.floor((y / 160) * 3)
  return things.toSorted((a, b) => row(a) - row(b) || a.x - b.x)
}
