/** The text of a scene: digits or a word of the list, in a held-out font, where it fits. */
import { type Box, boxOf, type Point, posed, type Ring } from './geometry.ts'
import { type BackgroundName, type ColorName, contrasting, language } from './language.ts'
import { FONTS, letterRings } from './lettering.ts'
import type { Random } from './random.ts'

export interface SceneText {
  readonly string: string
  readonly sort: 'digits' | 'word'
  readonly color: ColorName
  readonly font: string
  readonly x: number
  readonly y: number
  /** The letters, and the plate behind them if there is one. */
  readonly box: Box
  /** Outlines around 0, 0, filled by the non-zero rule. */
  readonly rings: readonly Ring[]
  /** A sign behind the letters, around 0, 0. */
  readonly plate: { readonly ring: Ring; readonly tone: 'light' | 'dark' } | undefined
}

/** Least and most units a letter takes on average along the line. */
const PITCH = { least: 9.5, mostAlone: 26, mostBeside: 14 }
const PLATE_MARGIN = 3.5

/** Undefined when the text does not fit into the frame. `beside`: other things need room, too. */
export function placeText(
  random: Random,
  frame: Box,
  background: BackgroundName,
  beside: boolean,
): SceneText | undefined {
  const sort = random.weighted({ digits: 0.5, word: 0.5 })
  const string =
    sort === 'word'
      ? random.pick(language.words)
      : Array.from({ length: 1 + random.below(4) }, () => random.below(10)).join('')
  const font = random.pick(FONTS)
  const flat = letterRings(string, font, random.uniform(0, 0.12))
  const wide = boxOf(flat).right * 2
  const pitch = random.uniform(PITCH.least, beside ? PITCH.mostBeside : PITCH.mostAlone)
  // The line is `pitch` a letter wide, unless a short wide frame leaves less height than that takes.
  const em = Math.min(
    (pitch * string.length) / Math.max(wide, 0.4 * string.length),
    (frame.bottom - frame.top) * 0.8,
  )
  const tall = boxOf(flat).bottom * em
  const upright = random.chance(0.5)
  const move = posed({
    turn: upright ? 0 : random.uniform(-9, 9),
    stretch: 1,
    skew: upright ? 0 : random.uniform(-0.12, 0.12),
    tilt: [0, 0],
  })
  const place = (ring: Ring): Ring => ring.map(([x, y]) => move([x * em, y * em]))
  const rings = flat.map(place)
  const plated = random.chance(0.3)
  const [across, down] = [(wide * em) / 2 + PLATE_MARGIN, tall + PLATE_MARGIN]
  const plateRing = (
    [
      [-across, -down],
      [across, -down],
      [across, down],
      [-across, down],
    ] as Point[]
  ).map(move)
  const reach = boxOf(plated ? [plateRing] : rings)
  const room = {
    left: frame.left - reach.left + 2,
    right: frame.right - reach.right - 2,
    top: frame.top - reach.top + 2,
    bottom: frame.bottom - reach.bottom - 2,
  }
  if (room.left > room.right || room.top > room.bottom) return undefined
  const x = random.uniform(room.left, room.right)
  const y = random.uniform(room.top, room.bottom)
  const color = random.pick(contrasting(background, 'text'))
  const tone = ['yellow', 'white', 'orange'].includes(color) ? 'dark' : 'light'
  return {
    string,
    sort,
    color,
    font,
    x,
    y,
    rings,
    box: {
      left: x + reach.left,
      right: x + reach.right,
      top: y + reach.top,
      bottom: y + reach.bottom,
    },
    plate: plated ? { ring: plateRing, tone } : undefined,
  }
}
