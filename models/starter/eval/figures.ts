/** Objects and text as SVG, in units of the padded square. */
import { pathData } from './geometry.ts'
import { colorRgb, type Rgb } from './language.ts'
import type { Random } from './random.ts'
import type { SceneObject } from './scene.ts'
import type { SceneText } from './scene-text.ts'
import type { Part } from './shapes/shape.ts'
import { css, isDark, isPale, jittered, mixed, paintColor } from './tones.ts'

export interface Figures {
  /** Gradients and filters that the drawing refers to. */
  readonly defs: string
  readonly body: string
}

const FINISHES = { flat: 0.4, linear: 0.15, radial: 0.12, outlined: 0.18, shadowed: 0.15 } as const

/** One object; `id` makes its definitions unique within the picture. `plain` leaves out gradients and shadows. */
export function objectSvg(
  object: SceneObject,
  id: string,
  random: Random,
  plain: boolean,
): Figures {
  const main = jittered(colorRgb(object.color), 10, 9, random)
  const finish = plain ? 'flat' : random.weighted(FINISHES)
  const at = `translate(${object.x.toFixed(2)} ${object.y.toFixed(2)})`
  const fill = (part: Part) =>
    part.paint === 'main' && (finish === 'linear' || finish === 'radial')
      ? `url(#${id})`
      : css(paintColor(part.paint, main))
  const edge = finish === 'outlined' ? outlineAttributes(main, object.r, random) : ''
  const paths = object.parts
    .map(
      (part) =>
        `<path d="${pathData(part.rings)}" fill="${fill(part)}"${part.paint === 'main' ? edge : ''}/>`,
    )
    .join('')
  const shadow =
    finish === 'shadowed'
      ? `<g transform="translate(${random.uniform(-2, 2)} ${random.uniform(1, 2.5)})" fill="#000" fill-opacity=".25" filter="url(#soft)">${object.parts
          .map((part) => `<path d="${pathData(part.rings)}"/>`)
          .join('')}</g>`
      : ''
  return {
    defs:
      finish === 'linear' || finish === 'radial'
        ? gradient(finish, id, main, object.r, random)
        : '',
    body: `<g transform="${at}" fill-rule="evenodd">${shadow}${paths}</g>`,
  }
}

function outlineAttributes(main: Rgb, r: number, random: Random): string {
  const dark = isDark(main) ? mixed(main, [255, 255, 255], 0.4) : mixed(main, [0, 0, 0], 0.45)
  const stroke = random.chance(0.6) || isPale(main) ? dark : mixed(main, [255, 255, 255], 0.5)
  return ` stroke="${css(stroke)}" stroke-width="${Math.min(1.8, Math.max(0.7, r * 0.06)).toFixed(2)}" stroke-linejoin="round"`
}

function gradient(
  finish: 'linear' | 'radial',
  id: string,
  main: Rgb,
  r: number,
  random: Random,
): string {
  const share = random.uniform(0.12, 0.28)
  const darker = isDark(main)
    ? mixed(main, [255, 255, 255], share * 0.6)
    : mixed(main, [0, 0, 0], share)
  const stops = `<stop offset="0" stop-color="${css(main)}"/><stop offset="1" stop-color="${css(darker)}"/>`
  if (finish === 'radial') {
    return `<radialGradient id="${id}" gradientUnits="userSpaceOnUse" cx="${-r * 0.25}" cy="${-r * 0.3}" r="${r * 1.3}">${stops}</radialGradient>`
  }
  const turn = random.below(360)
  return `<linearGradient id="${id}" gradientUnits="userSpaceOnUse" x1="${-r}" y1="0" x2="${r}" y2="0" gradientTransform="rotate(${turn})">${stops}</linearGradient>`
}

export function textSvg(text: SceneText, random: Random): string {
  const color = css(jittered(colorRgb(text.color), 8, 8, random))
  const at = `translate(${text.x.toFixed(2)} ${text.y.toFixed(2)})`
  const plate =
    text.plate === undefined
      ? ''
      : `<path d="${pathData([text.plate.ring])}" fill="${text.plate.tone === 'light' ? '#f7f7f4' : '#1d1d20'}"/>`
  return `<g transform="${at}">${plate}<path d="${pathData(text.rings)}" fill="${color}"/></g>`
}
