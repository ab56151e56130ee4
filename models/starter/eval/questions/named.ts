/** Questions about one or two objects that are named by their kind, their colour or both. */
import { language } from '../language.ts'
import type { Random } from '../random.ts'
import type { Scene, SceneObject } from '../scene.ts'
import {
  alone,
  askableColors,
  isBigger,
  nameable,
  pairName,
  placeOf,
  relationOf,
} from '../truth.ts'
import type { Ask, Question } from './question.ts'

/** Colour of a kind and kind of a colour, where there is exactly one such object among several. */
export function attributes(scene: Scene, random: Random, ask: Ask): Question[] {
  const { objects } = scene
  if (objects.length < 2) return []
  const ofKind = random.shuffle(objects.filter((object) => alone(objects, object, (o) => o.kind)))
  const ofColor = random.shuffle(
    objects.filter(
      (object) =>
        alone(objects, object, (o) => o.color) && askableColors(scene).includes(object.color),
    ),
  )
  return [
    ...ofKind
      .slice(0, 2)
      .map(({ kind, color }) => ask('color_of_kind', color, 'color_of_kind', { kind })),
    ...ofColor
      .slice(0, 1)
      .map(({ kind, color }) => ask('kind_of_color', kind, 'kind_of_color', { color })),
  ]
}

/** Where an object is and how big; middle places and large objects are asked for first, being rarer. */
export function placeAndSize(scene: Scene, random: Random, ask: Ask): Question[] {
  const named = random.shuffle(nameable(scene.objects))
  const out: Question[] = []
  const rank = (object: SceneObject) => Number(placeOf(object, scene.frame)?.includes(' ') ?? 2)
  const placed = random.chance(0.5) ? named.toSorted((a, b) => rank(a) - rank(b))[0] : named[0]
  const place = placed && placeOf(placed, scene.frame)
  if (placed && place)
    out.push(ask('place', place, 'place', { name: nameOf(scene, placed, random) }))
  const sized = named.find((object) =>
    random.chance({ small: 0.3, medium: 0.45, large: 1 }[object.size]),
  )
  if (sized) out.push(ask('size_of', sized.size, 'size_of', { name: nameOf(scene, sized, random) }))
  return out
}

/** Relation of two objects (open, and as yes or no), and which is bigger. */
export function comparisons(scene: Scene, random: Random, ask: Ask): Question[] {
  const named = random.shuffle(nameable(scene.objects))
  const couples = random.shuffle(
    named.flatMap((a) => named.filter((b) => b !== a).map((b) => [a, b] as const)),
  )
  const related = couples.find(([a, b]) => relationOf(a, b) !== undefined)
  const unequal = couples.find(([a, b]) => isBigger(a, b) || isBigger(b, a))
  return [
    ...(related ? relations(scene, ...related, random, ask) : []),
    ...(unequal ? [comparison(scene, ...unequal, random, ask)] : []),
  ]
}

function relations(
  scene: Scene,
  first: SceneObject,
  second: SceneObject,
  random: Random,
  ask: Ask,
): Question[] {
  const seen = relationOf(first, second)
  if (seen === undefined) return []
  const names = { a: nameOf(scene, first, random), b: nameOf(scene, second, random) }
  const { yes, no } = language.answers
  const isTrue = random.chance(0.5)
  const others = (['left', 'right', 'above', 'below'] as const).filter(
    (relation) => relation !== seen,
  )
  const relation = language.relations[isTrue ? seen : random.pick(others)]
  return [
    ask('relation', language.relations[seen], 'relation', names),
    ask('relation_yes_no', isTrue ? yes : no, 'relation_yes_no', { ...names, relation }),
  ]
}

function comparison(
  scene: Scene,
  first: SceneObject,
  second: SceneObject,
  random: Random,
  ask: Ask,
): Question {
  const comparison = random.pick(language.answers.comparison)
  const [a, b] = [nameOf(scene, first, random), nameOf(scene, second, random)]
  const wanted = isBigger(first, second) === (comparison !== 'smaller') ? a : b
  return ask('compare_size', `the ${wanted}`, 'compare_size', { a, b, comparison })
}

/** The kind alone where that is enough, or colour and kind. */
function nameOf({ objects }: Scene, object: SceneObject, random: Random): string {
  return alone(objects, object, (o) => o.kind) && random.chance(0.55)
    ? object.kind
    : pairName(object)
}
