/** Is there one, how many are there, and questions about what is not there. */
import { COLORS, language } from '../language.ts'
import type { Random } from '../random.ts'
import type { Scene, SceneObject } from '../scene.ts'
import { KINDS, type Kind } from '../shapes/index.ts'
import { askableColors, pairName } from '../truth.ts'
import type { Ask, Question } from './question.ts'
import { numberWord } from './whole.ts'

/** Yes and no equally often; an absent pair shares a word with a present one. */
export function existence(scene: Scene, random: Random, ask: Ask): Question[] {
  if (scene.objects.length === 0) return []
  const yes = random.chance(0.5)
  const object = random.pick(scene.objects)
  const form = random.weighted({ pair: 0.5, kind: 0.25, color: 0.25 })
  const thing = yes ? presentThing(object, form) : absentThing(scene, object, form, random)
  if (thing === undefined) return []
  return [ask('exists', yes ? language.answers.yes : language.answers.no, 'exists', { thing })]
}

type Form = 'pair' | 'kind' | 'color'

function presentThing(object: SceneObject, form: Form): string {
  return { pair: pairName(object), kind: object.kind, color: `${object.color} object` }[form]
}

function absentThing(
  scene: Scene,
  object: SceneObject,
  form: Form,
  random: Random,
): string | undefined {
  if (form === 'kind') return random.pick(absentKinds(scene))
  if (form === 'color') return `${random.pick(absentColors(scene))} object`
  const swapped = [
    `${random.pick(COLORS)} ${object.kind}`,
    `${object.color} ${random.pick(KINDS)}`,
    `${object.color} ${random.pick(scene.objects).kind}`,
  ].filter((name) => scene.objects.every((other) => pairName(other) !== name))
  return swapped.length === 0 ? undefined : random.pick(swapped)
}

/** How many of a kind and of a colour, where there are three objects or more. */
export function counts(scene: Scene, random: Random, ask: Ask): Question[] {
  if (scene.objects.length < 3) return []
  const kind = balanced(
    KINDS,
    scene.objects.map((object) => object.kind),
    random,
  )
  const color = balanced(
    askableColors(scene),
    scene.objects.map((object) => object.color),
    random,
  )
  return [
    ask('count_kind', numberWord(kind.number), 'count_kind', {
      kinds: language.plurals[kind.name],
    }),
    ask('count_color', numberWord(color.number), 'count_color', { color: color.name }),
  ]
}

/** Chooses the number before the name, so that none, one, two and more come about equally often. */
function balanced<T>(
  names: readonly T[],
  present: readonly T[],
  random: Random,
): { name: T; number: number } {
  const byNumber = Map.groupBy(names, (name) => present.filter((other) => other === name).length)
  const weight = (n: number) => (n === 0 ? 0.45 : n === 1 ? 0.55 : n === 2 ? 1.1 : 2)
  const weights = Object.fromEntries([...byNumber.keys()].map((n) => [n, weight(n)]))
  const number = Number(random.weighted(weights))
  return { number, name: random.pick(byNumber.get(number) ?? []) }
}

/** Questions whose honest answer is that there is no such thing. */
export function absences(scene: Scene, random: Random, ask: Ask): Question[] {
  const { absentObject, absentColor, absentText } = language.answers
  const aboutNoun = (task: 'absent_noun' | 'absent_kind', noun: string) => {
    const phrasing = random.weighted({ color_of_kind: 0.5, place: 0.25, size_of: 0.25 })
    return ask(task, absentObject.replace('{noun}', noun), phrasing, { kind: noun, name: noun })
  }
  const written = scene.text?.string.toLowerCase()
  const out: Question[] = []
  if (random.chance(0.5)) {
    out.push(
      aboutNoun(
        'absent_noun',
        random.pick(language.heldOutNouns.filter((noun) => noun !== written)),
      ),
    )
  }
  if (random.chance(0.4)) {
    out.push(
      aboutNoun('absent_kind', random.pick(absentKinds(scene).filter((kind) => kind !== written))),
    )
  }
  if (random.chance(0.3)) {
    const color = random.pick(absentColors(scene))
    out.push(ask('absent_color', absentColor.replace('{color}', color), 'kind_of_color', { color }))
  }
  if (scene.text === undefined && random.chance(0.3)) {
    out.push(ask('absent_text', absentText, random.pick(['read_text', 'text_color'])))
  }
  return out
}

function absentKinds({ objects }: Scene): Kind[] {
  return KINDS.filter((kind) => objects.every((object) => object.kind !== kind))
}

function absentColors(scene: Scene) {
  return askableColors(scene).filter((color) =>
    scene.objects.every((object) => object.color !== color),
  )
}
