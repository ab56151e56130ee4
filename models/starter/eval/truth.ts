/** What is true of a scene: names, counts, places, relations. Undefined where a person could argue. */
import type { Box } from './geometry.ts'
import { COLORS, type ColorName, language, SQUARE } from './language.ts'
import type { Scene, SceneObject } from './scene.ts'

export type Relation = 'left' | 'right' | 'above' | 'below'

/** "red circle" */
export function pairName(object: SceneObject): string {
  return `${object.color} ${object.kind}`
}

/** Objects whose colour and kind together belong to no other object. */
export function nameable(objects: readonly SceneObject[]): SceneObject[] {
  return objects.filter((object) => alone(objects, object, pairName))
}

/** Whether an object is the only one with its value of a property. */
export function alone(
  objects: readonly SceneObject[],
  object: SceneObject,
  property: (object: SceneObject) => string,
): boolean {
  return objects.every((other) => other === object || property(other) !== property(object))
}

/**
 * Colours of which one can ask what, how many or whether there is one: not that of the text or the background,
 * which some would call a thing as well.
 */
export function askableColors({ text, background }: Scene): ColorName[] {
  return COLORS.filter((color) => color !== text?.color && color !== background)
}

/** Where a lies seen from b; undefined when the direction is too diagonal to be one of four. */
export function relationOf(a: SceneObject, b: SceneObject): Relation | undefined {
  const [dx, dy] = [a.x - b.x, a.y - b.y]
  const ratio = language.relations.ratio + 0.3
  if (Math.abs(dx) >= ratio * Math.abs(dy)) return dx < 0 ? 'left' : 'right'
  if (Math.abs(dy) >= ratio * Math.abs(dx)) return dy < 0 ? 'above' : 'below'
  return undefined
}

/**
 * The place of an object, such as "top left". The world defines it in the padded square; a person sees only the
 * picture. Undefined unless both give the same place, with a margin to the edges between places.
 */
export function placeOf(object: SceneObject, frame: Box): string | undefined {
  const inSquare = placeIn(object, { left: 0, top: 0, right: SQUARE, bottom: SQUARE })
  return inSquare === placeIn(object, frame) ? inSquare : undefined
}

const PLACE_MARGIN = 6 // units

function placeIn(object: SceneObject, frame: Box): string | undefined {
  const column = third(object.x, frame.left, frame.right)
  const row = third(object.y, frame.top, frame.bottom)
  if (row === undefined || column === undefined) return undefined
  return language.places.names[row]?.[column]
}

function third(value: number, from: number, to: number): 0 | 1 | 2 | undefined {
  const [low, high] = language.places.edges.map((edge) => from + edge * (to - from)) as [
    number,
    number,
  ]
  if (Math.abs(value - low) < PLACE_MARGIN || Math.abs(value - high) < PLACE_MARGIN)
    return undefined
  return value < low ? 0 : value > high ? 2 : 1
}

/** Whether a is clearly bigger than b: another size word, and more in length as well as in area. */
export function isBigger(a: SceneObject, b: SceneObject): boolean {
  return a.size !== b.size && a.r > 1.25 * b.r && area(a.box) > 1.5 * area(b.box)
}

function area(box: Box): number {
  return (box.right - box.left) * (box.bottom - box.top)
}

/** Objects by rows, then from left to right; undefined when two in one row stand nearly above each other. */
export function readingOrder(scene: Scene): readonly SceneObject[] | undefined {
  const rowOf = ({ y }: SceneObject) =>
    language.readingOrder.edges.filter((edge) => y > edge * SQUARE).length
  const sorted = scene.objects.toSorted((a, b) => rowOf(a) - rowOf(b) || a.x - b.x)
  const clear = sorted.every((object, i) => {
    const next = sorted[i + 1]
    return next === undefined || rowOf(next) !== rowOf(object) || next.x - object.x >= 6
  })
  return clear ? sorted : undefined
}
