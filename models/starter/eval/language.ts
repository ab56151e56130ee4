/** The closed world and its words, from the language.json that training reads as well. */
import language from '../language.json' with { type: 'json' }

export { language }

export type ColorName = keyof typeof language.colors
export type BackgroundName = keyof typeof language.backgrounds
export type Size = 'small' | 'medium' | 'large'
export type Rgb = readonly [number, number, number]

export const COLORS = Object.keys(language.colors) as ColorName[]
export const BACKGROUNDS = Object.keys(language.backgrounds) as BackgroundName[]
export const SIZES: readonly Size[] = ['small', 'medium', 'large']

/** Side of the padded square in which the world's sizes and places are measured. */
export const SQUARE = 160

export function colorRgb(name: ColorName): Rgb {
  return rgb(language.colors[name])
}

export function backgroundRgb(name: BackgroundName): Rgb {
  return rgb(language.backgrounds[name])
}

/** The colours in which an object or a text stands out from a background. */
export function contrasting(background: BackgroundName, what: 'objects' | 'text'): ColorName[] {
  const ground = backgroundRgb(background)
  return COLORS.filter((name) => difference(colorRgb(name), ground) > language.contrast[what])
}

/** Sum of the differences of the channels. */
export function difference(a: Rgb, b: Rgb): number {
  return Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) + Math.abs(a[2] - b[2])
}

function rgb(values: readonly number[]): Rgb {
  const [r, g, b] = values
  if (r === undefined || g === undefined || b === undefined) {
    throw new Error(`language.json: expected three channels, got ${values.length}`)
  }
  return [r, g, b]
}
