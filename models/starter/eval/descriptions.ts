/** A scene in a sentence and as JSON, in the forms that language.json gives. */
import { language } from './language.ts'
import type { Scene, SceneObject } from './scene.ts'
import { pairName } from './truth.ts'
import { withArticle } from './wording.ts'

/** "a red circle, a blue cup and a green star, with the text CAFE on a white background" */
export function caption(scene: Scene, ordered: readonly SceneObject[]): string {
  const { captionAnd, captionComma, captionText, captionWithText, captionBackground } =
    language.answers
  const names = ordered.map((object) => withArticle(pairName(object)))
  const last = names.at(-1)
  const text = scene.text
  const things =
    last === undefined
      ? text === undefined
        ? 'nothing'
        : `${captionText.replace('{text}', text.string)} in ${text.color}`
      : names.length === 1
        ? last
        : names.slice(0, -1).join(captionComma) + captionAnd + last
  const beside =
    last !== undefined && text !== undefined ? captionWithText.replace('{text}', text.string) : ''
  return (
    things + beside + captionBackground.replace('{a} {background}', withArticle(scene.background))
  )
}

/** One line without spaces: background, objects in reading order, text or null. */
export function json(scene: Scene, ordered: readonly SceneObject[]): string {
  return JSON.stringify({
    background: scene.background,
    objects: ordered.map(({ kind, color, size }) => ({ shape: kind, color, size })),
    text: scene.text?.string ?? null,
  })
}
