/** A square: sharp, with rounded corners, or a tile with a bevelled edge. */
import { rectangle, rounded } from '../geometry.ts'
import { part, type Shape } from './shape.ts'

export const square: Shape = (random) => {
  const outline = rectangle(-1, -1, 1, 1)
  switch (random.weighted({ sharp: 2, rounded: 1, bevelled: 1 })) {
    case 'sharp':
      return [part('main', outline)]
    case 'rounded':
      return [part('main', rounded(outline, random.uniform(0.12, 0.36)))]
    case 'bevelled': {
      const edge = random.uniform(0.12, 0.2)
      const inner = 1 - edge
      return [
        part('main', outline),
        part('shade', [
          [-1, 1],
          [1, 1],
          [1, -1],
          [inner, -inner],
          [inner, inner],
          [-inner, inner],
        ]),
        part('tint', [
          [-1, 1],
          [-1, -1],
          [1, -1],
          [inner, -inner],
          [-inner, -inner],
          [-inner, inner],
        ]),
      ]
    }
  }
}
