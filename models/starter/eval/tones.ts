/** Colour arithmetic: jitter around a named colour and the tones of an object's parts. */
import type { Rgb } from './language.ts'
import type { Random } from './random.ts'
import type { Paint } from './shapes/shape.ts'

/** The colours of parts that have one of their own. */
const OWN = {
  glass: [214, 228, 238],
  dark: [38, 38, 42],
  pale: [236, 236, 232],
  wood: [118, 78, 48],
  pollen: [196, 150, 60],
} as const satisfies Partial<Record<Paint, Rgb>>

/** A colour near the given one: all channels move by up to `common` together, then each by up to `own`. */
export function jittered(color: Rgb, common: number, own: number, random: Random): Rgb {
  const shift = random.uniform(-common, common)
  return mapped(color, (value) => value + shift + random.uniform(-own, own))
}

export function mixed(color: Rgb, other: Rgb, share: number): Rgb {
  return mapped(color, (value, channel) => value + ((other[channel] as number) - value) * share)
}

/** The colour of a part of an object whose main colour is `main`. A black object's shade is a lighter black. */
export function paintColor(paint: Paint, main: Rgb): Rgb {
  if (paint === 'main') return main
  if (paint === 'shade' && isPale(main)) return mixed(main, [70, 90, 140], 0.16) // unlike every background
  if (paint === 'shade')
    return isDark(main) ? mixed(main, [255, 255, 255], 0.2) : mixed(main, [0, 0, 0], 0.22)
  if (paint === 'tint')
    return mixed(main, isPale(main) ? [120, 130, 140] : [255, 255, 255], isPale(main) ? 0.2 : 0.32)
  return OWN[paint]
}

export function isDark(color: Rgb): boolean {
  return color[0] + color[1] + color[2] < 150
}

export function isPale(color: Rgb): boolean {
  return Math.min(...color) > 200
}

export function css(color: Rgb): string {
  return `rgb(${color.map(Math.round).join(',')})`
}

function mapped(color: Rgb, change: (value: number, channel: number) => number): Rgb {
  const [r, g, b] = color.map((value, i) => Math.min(255, Math.max(0, change(value, i))))
  return [r as number, g as number, b as number]
}
